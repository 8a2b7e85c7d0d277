#include "stages/models/audio_encoder.hpp"

#include <algorithm>
#include <cmath>

#include "stages/models/layer_span.hpp"

namespace limelight::stages {

namespace {

// Rows of channels at the places of a plane, [height * width, channels].
struct Plane {
  int height = 0, width = 0, channels = 0;
  std::vector<float> rows;
};

// A convolution of 3 x 3 with stride 2 and a border of one 0, as a product: each row holds what one
// place of the result is a sum of, in the order of the weights, [in, 3, 3].
Plane convolve(const Plane& in, const BiasedLinear& weights) {
  Plane out{(in.height - 1) / 2 + 1, (in.width - 1) / 2 + 1, weights.out(), {}};
  std::vector<float> terms;
  terms.reserve(static_cast<std::size_t>(out.height * out.width) *
                static_cast<std::size_t>(in.channels * 9));
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      for (int c = 0; c < in.channels; ++c)
        for (int place = 0; place < 9; ++place) {
          const int row = 2 * y - 1 + place / 3, col = 2 * x - 1 + place % 3;
          const bool inside = row >= 0 && row < in.height && col >= 0 && col < in.width;
          terms.push_back(inside ? in.rows[static_cast<std::size_t>(row * in.width + col) *
                                               static_cast<std::size_t>(in.channels) +
                                           static_cast<std::size_t>(c)]
                                 : 0.0f);
        }
  out.rows = weights(terms);
  gelu(out.rows);
  return out;
}

// Adds sinusoids of the row's number (Vaswani and others, 2017): the sines of all wavelengths, then
// their cosines.
void add_times(std::span<float> rows, int hidden) {
  const int half = hidden / 2;
  const auto width = static_cast<std::size_t>(hidden);
  const double step = std::log(10'000.0) / (half - 1);
  for (std::size_t t = 0; t < rows.size() / width; ++t)
    for (int i = 0; i < half; ++i) {
      const double angle = static_cast<double>(t) * std::exp(-step * i);
      float* row = rows.data() + t * width + i;
      row[0] += static_cast<float>(std::sin(angle));
      row[half] += static_cast<float>(std::cos(angle));
    }
}

}  // namespace

AudioEncoder::AudioEncoder(const AudioEncoderShape& s,
                           WeightLoader& weights,
                           Device& device,
                           const std::string& at)
    : shape_(s), norm_(weights, at + "ln_post", s.hidden, 1e-5) {
  if (s.pooled) {
    convolutions_.emplace_back(weights, device, at + "conv1", s.hidden, s.mels * 3, true, 3);
    convolutions_.emplace_back(weights, device, at + "conv2", s.hidden, s.hidden * 3, true, 3);
    end_.emplace_back(weights, device, at + "proj", s.out, s.hidden);
  } else {
    for (const int c : {1, 2, 3})
      convolutions_.emplace_back(weights, device, at + "conv2d" + std::to_string(c), s.channels,
                                 (c == 1 ? 1 : s.channels) * 9, true, 3);
    convolutions_.emplace_back(weights, device, at + "conv_out", s.hidden, s.channels * s.bands(),
                               false);
    end_.emplace_back(weights, device, at + "proj1", s.hidden, s.hidden);
    end_.emplace_back(weights, device, at + "proj2", s.out, s.hidden);
  }
  for (int l = 0; l < s.layers; ++l) {
    const std::string layer = at + "layers." + std::to_string(l) + ".";
    const auto linear = [&](const char* name, int out, int in, bool biased = true) {
      return BiasedLinear(weights, device, layer + name, out, in, biased);
    };
    layers_.push_back({LayerNorm(weights, layer + "self_attn_layer_norm", s.hidden, 1e-5),
                       LayerNorm(weights, layer + "final_layer_norm", s.hidden, 1e-5),
                       linear("self_attn.q_proj", s.hidden, s.hidden),
                       linear("self_attn.k_proj", s.hidden, s.hidden, !s.pooled),
                       linear("self_attn.v_proj", s.hidden, s.hidden),
                       linear("self_attn.out_proj", s.hidden, s.hidden),
                       linear("fc1", s.mlp, s.hidden), linear("fc2", s.hidden, s.mlp)});
  }
}

std::vector<float> AudioEncoder::stem(std::span<const float> mels, int frames) const {
  const Plane chunk{shape_.mels, frames, 1, {mels.begin(), mels.end()}};
  const Plane out =
      convolve(convolve(convolve(chunk, convolutions_[0]), convolutions_[1]), convolutions_[2]);
  // [bands, times, channels] to [times, channels, bands].
  std::vector<float> turned;
  turned.reserve(out.rows.size());
  for (int t = 0; t < out.width; ++t)
    for (int c = 0; c < out.channels; ++c)
      for (int b = 0; b < out.height; ++b)
        turned.push_back(out.rows[static_cast<std::size_t>(b * out.width + t) *
                                      static_cast<std::size_t>(out.channels) +
                                  static_cast<std::size_t>(c)]);
  std::vector<float> rows = convolutions_[3](turned);
  add_times(rows, shape_.hidden);
  return rows;
}

// Rows of 3 numbers of each channel, in the order of the weights: those before, at and behind every
// stride-th place of rows that zeros surround. at(row, channel) is a number of them.
template <class At>
std::vector<float> threes(int rows, int channels, int stride, const At& at) {
  std::vector<float> terms;
  for (int row = 0; row < rows; row += stride)
    for (int c = 0; c < channels; ++c)
      for (const int from : {row - 1, row, row + 1})
        terms.push_back(from >= 0 && from < rows ? at(from, c) : 0.0f);
  return terms;
}

std::vector<float> AudioEncoder::pooled_stem(std::span<const float> mels, int frames) const {
  std::vector<float> inner =
      convolutions_[0](threes(frames, shape_.mels, 1, [&](int frame, int mel) {
        return mels[static_cast<std::size_t>(mel) * static_cast<std::size_t>(frames) +
                    static_cast<std::size_t>(frame)];
      }));
  gelu(inner);
  std::vector<float> rows =
      convolutions_[1](threes(frames, shape_.hidden, 2, [&](int frame, int c) {
        return inner[static_cast<std::size_t>(frame) * static_cast<std::size_t>(shape_.hidden) +
                     static_cast<std::size_t>(c)];
      }));
  gelu(rows);
  add_times(rows, shape_.hidden);
  return rows;
}

std::vector<float> AudioEncoder::pool(std::span<const LogMelSound> sounds,
                                      std::span<const float> x) const {
  const auto width = static_cast<std::size_t>(shape_.hidden);
  std::vector<float> means;
  for (const LogMelSound& sound : sounds) {
    const auto rows = static_cast<std::size_t>((sound.frames + 1) / 2);
    for (std::size_t row = 0; row + 1 < rows; row += 2)
      for (std::size_t i = 0; i < width; ++i)
        means.push_back((x[row * width + i] + x[(row + 1) * width + i]) / 2);
    x = x.subspan(rows * width);
  }
  return means;
}

void AudioEncoder::run(const Layer& layer, std::vector<float>& x, std::span<const int> ends) const {
  const std::vector<float> normed = layer.attention_norm(x);
  std::vector<float> mixed(x.size());
  attend(layer.q(normed), layer.k(normed), layer.v(normed), mixed, ends, shape_.heads,
         shape_.head_dim());
  add(x, layer.o(mixed));
  std::vector<float> inner = layer.fc1(layer.mlp_norm(x));
  gelu(inner);
  add(x, layer.fc2(inner));
}

Result<std::vector<std::vector<float>>> AudioEncoder::encode(std::span<const LogMelSound> sounds,
                                                             const EncoderObserver& observe) const {
  const auto mels = static_cast<std::size_t>(shape_.mels);
  const int most = 2 * shape_.window;
  int longest = 0;  // of all chunks
  for (const LogMelSound& sound : sounds) {
    if (sound.frames < 1 || sound.values.size() != mels * static_cast<std::size_t>(sound.frames))
      return Error{ErrorCode::invalid_argument,
                   "a sound: found " + std::to_string(sound.values.size()) + " values in " +
                       std::to_string(sound.frames) + " frames, expected " + std::to_string(mels) +
                       " for each of at least one frame"};
    longest = std::max(longest, std::min(sound.frames, most));
  }
  const auto width = static_cast<std::size_t>(shape_.hidden);
  const int window = shape_.pooled ? 0 : shape_.tokens(longest) * (shape_.attention / most);
  std::vector<float> x;
  std::vector<int> ends;
  for (const LogMelSound& sound : sounds) {
    for (int from = 0; from < sound.frames; from += most) {
      const int frames = std::min(most, sound.frames - from);
      const int filled = shape_.pooled ? frames : longest;
      std::vector<float> chunk(mels * static_cast<std::size_t>(filled));
      for (std::size_t m = 0; m < mels; ++m)
        std::copy_n(
            sound.values.begin() +
                static_cast<std::ptrdiff_t>(m * static_cast<std::size_t>(sound.frames)) + from,
            frames,
            chunk.begin() + static_cast<std::ptrdiff_t>(m * static_cast<std::size_t>(filled)));
      if (shape_.pooled) {
        const std::vector<float> rows = pooled_stem(chunk, frames);
        x.insert(x.end(), rows.begin(), rows.end());
        ends.push_back(static_cast<int>(x.size() / width));
        continue;
      }
      const std::vector<float> rows = stem(chunk, longest);
      x.insert(x.end(), rows.begin(),
               rows.begin() + static_cast<std::ptrdiff_t>(
                                  width * static_cast<std::size_t>(shape_.tokens(frames))));
    }
    for (int left = shape_.pooled ? 0 : shape_.tokens(sound.frames); left > 0; left -= window)
      ends.push_back((ends.empty() ? 0 : ends.back()) + std::min(left, window));
  }
  if (observe) observe("stem", x);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const LayerSpan span(l);
    run(layers_[l], x, ends);
    if (observe) observe("layers." + std::to_string(l), x);
  }
  if (shape_.pooled) x = pool(sounds, x);
  std::vector<float> all = end_[0](norm_(x));
  if (!shape_.pooled) {
    gelu(all);
    all = end_[1](all);
  }
  std::vector<std::vector<float>> out;
  auto at = all.begin();
  for (const LogMelSound& sound : sounds) {
    const auto end = at + static_cast<std::ptrdiff_t>(shape_.tokens(sound.frames)) * shape_.out;
    out.emplace_back(at, end);
    at = end;
  }
  return out;
}

}  // namespace limelight::stages
