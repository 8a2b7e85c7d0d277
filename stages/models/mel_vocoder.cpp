#include "stages/models/mel_vocoder.hpp"

#include <algorithm>
#include <cmath>
#include <limelight/span.hpp>

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

std::size_t size(std::int64_t number) { return static_cast<std::size_t>(number); }

// Natural logarithms of amplitudes to what the network reads.
std::vector<float> normalised(std::span<const float> mel) {
  constexpr float lowest = -115, reference = 20;  // dB
  const float least = std::exp(static_cast<float>(lowest / 20 * std::log(10.0)));
  std::vector<float> rows;
  rows.reserve(mel.size());
  for (const float value : mel) {
    const float level = 20 * std::log10(std::max(std::exp(value), least)) - reference;
    rows.push_back(std::clamp(2 * ((level - lowest) / -lowest) - 1, -1.0f, 1.0f));
  }
  return rows;
}

}  // namespace

MelVocoder::MelVocoder(const VocoderShape& shape,
                       const TensorFiles& files,
                       Device& device,
                       const std::string& at,
                       ipc::DType dtype)
    : shape_(shape),
      device_(device),
      scratch_(device),
      inner_(device),
      smooth_(device),
      unit_(device),
      mean_(device) {
  const ConvolutionLoader load(files, device, dtype, scratch_);
  first_.push_back(load.convolution(at + "conv_pre"));
  for (std::size_t l = 0; l < shape.rates.size(); ++l) {
    Level level{.wider = load.transposed(at + "ups." + std::to_string(l) + ".0", shape.rates[l]),
                .units = {}};
    for (std::size_t u = 0; u < shape.unit_kernels.size(); ++u) {
      const std::string block =
          at + "resblocks." + std::to_string(l * shape.unit_kernels.size() + u) + ".";
      Unit unit;
      for (std::size_t i = 0; i < 3; ++i)
        for (const bool first : {true, false}) {
          const int dilation = first ? shape.dilations[u][i] : 1;
          const std::size_t place = 2 * i + (first ? 0 : 1);
          unit.snakes.emplace_back(
              device, load.snake(block + "activations." + std::to_string(place) + ".act"));
          unit.convolutions.push_back(load.convolution(
              block + (first ? "convs1." : "convs2.") + std::to_string(i), dilation));
          unit.reach.push_back(dilation * (shape.unit_kernels[u] - 1) / 2);
        }
      level.units.push_back(std::move(unit));
    }
    levels_.push_back(std::move(level));
  }
  last_snake_.emplace_back(device, load.snake(at + "activation_post.act"));
  last_.push_back(load.convolution(at + "conv_post"));
}

void MelVocoder::seen(const std::string& part, std::span<const float> rows) const {
  if (!observe) return;
  std::vector<float> host(rows.size());
  device_.download(rows, host);
  observe(part, host);
}

void MelVocoder::convolve(const Convolution& convolution,
                          int reach,
                          std::span<const float> x,
                          Array& y) {
  const std::size_t border = size(reach) * size(convolution.in());
  Past none{Array(device_), 0};
  convolution.run(
      static_cast<int>((x.size() + 2 * border) / size(convolution.in())),
      [&](std::span<float> to) {
        device_.clear(to.first(border));
        device_.copy(x, to.subspan(border, x.size()));
        device_.clear(to.last(border));
      },
      none, y);
}

// A transposed convolution gives (kernel - 1) rows more than its stride times its input; as in the
// reference, some of them are cut off on each side.
void MelVocoder::widen(std::size_t level, Array& x) {
  const Convolution& wider = levels_[level].wider;
  const int rate = shape_.rates[level], kernel = shape_.kernels[level], cut = (kernel - rate) / 2,
            taps = (kernel + rate - 1) / rate;
  const std::size_t out = size(wider.out());
  const auto rows = static_cast<std::int64_t>(x.size() / size(wider.in()));
  convolve(wider, taps - 1, x.span(), inner_);
  const std::size_t count = size((rows - 1) * rate + kernel - 2 * cut);
  x.resize(count * out);
  device_.copy(inner_.span().subspan(size(cut) * out, count * out), x.span());
}

std::vector<float> MelVocoder::sound(std::span<const float> mel,
                                     std::int64_t from,
                                     std::int64_t to) {
  static const prof::NameId name =
      prof::intern("vocode", prof::Category::cpu_op, prof::ValueKind::dims);
  const prof::Span span(name, prof::pack_dims(size(to - from), size(shape_.bands), 0));
  const std::int64_t frames = static_cast<std::int64_t>(mel.size()) / shape_.bands,
                     begin = std::max<std::int64_t>(0, from - shape_.context()),
                     end = std::min(frames, to + shape_.context());
  const std::vector<float> piece =
      normalised(mel.subspan(size(begin * shape_.bands), size((end - begin) * shape_.bands)));
  Array x(device_), y(device_);
  x.resize(piece.size());
  device_.upload(piece, x.span());
  convolve(first_[0], 3, x.span(), y);
  std::swap(x, y);
  seen("conv_pre", x.span());
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    widen(l, x);
    seen("ups." + std::to_string(l), x.span());
    mean_.resize(x.size());
    device_.clear(mean_.span());
    for (std::size_t u = 0; u < levels_[l].units.size(); ++u) {
      Unit& unit = levels_[l].units[u];
      unit_.resize(x.size());
      device_.copy(x.span(), unit_.span());
      smooth_.resize(x.size());
      for (std::size_t i = 0; i < 6; i += 2) {
        unit.snakes[i].run(unit_.span(), smooth_.span());
        convolve(unit.convolutions[i], unit.reach[i], smooth_.span(), inner_);
        unit.snakes[i + 1].run(inner_.span(), smooth_.span());
        convolve(unit.convolutions[i + 1], unit.reach[i + 1], smooth_.span(), inner_);
        device_.add(unit_.span(), inner_.span());
      }
      seen("resblocks." + std::to_string(l * levels_[l].units.size() + u), unit_.span());
      const std::int32_t all[] = {0};
      const float share[] = {1 / static_cast<float>(levels_[l].units.size())};
      device_.add_rows(unit_.span(), all, share, mean_.span(), static_cast<int>(x.size()));
    }
    std::swap(x, mean_);
  }
  smooth_.resize(x.size());
  last_snake_[0].run(x.span(), smooth_.span());
  convolve(last_[0], 3, smooth_.span(), y);
  const std::int64_t rate = shape_.samples_per_frame();
  const auto wanted = y.span().subspan(size((from - begin) * rate));
  const std::size_t count = to == frames ? wanted.size() : size((to - from) * rate);
  std::vector<float> samples(count);
  device_.download(wanted.first(count), samples);
  for (float& sample : samples) sample = std::clamp(sample, -1.0f, 1.0f);
  return samples;
}

}  // namespace limelight::stages
