#include "stages/models/vision_encoder.hpp"

#include <algorithm>
#include <cmath>

namespace limelight::stages {

VisionEncoder::VisionEncoder(const VisionEncoderShape& s,
                             WeightLoader& weights,
                             Device& device,
                             const std::string& at)
    : shape_(s),
      embedding_(weights, device, at + "patch_embed.proj", s.hidden, s.values(), true, s.patch),
      positions_(weights.load(at + "pos_embed", MatrixPart::whole(s.side * s.side, s.hidden))),
      merger_(merger(weights, device, at + "merger.", s.hidden)) {
  for (int i = 0; i < s.head_dim() / 4; ++i)
    frequencies_.push_back(static_cast<float>(1 / std::pow(s.rope_base, 4.0 * i / s.head_dim())));
  for (int l = 0; l < s.layers; ++l) {
    const std::string layer = at + "blocks." + std::to_string(l) + ".";
    layers_.push_back({LayerNorm(weights, layer + "norm1", s.hidden, 1e-6),
                       LayerNorm(weights, layer + "norm2", s.hidden, 1e-6),
                       BiasedLinear(weights, device, layer + "attn.qkv", 3 * s.hidden, s.hidden),
                       BiasedLinear(weights, device, layer + "attn.proj", s.hidden, s.hidden),
                       BiasedLinear(weights, device, layer + "mlp.linear_fc1", s.mlp, s.hidden),
                       BiasedLinear(weights, device, layer + "mlp.linear_fc2", s.hidden, s.mlp)});
  }
  for (std::size_t m = 0; m < s.deepstack.size(); ++m)
    deepstack_.push_back(
        merger(weights, device, at + "merger_list." + std::to_string(m) + ".", s.merged()));
}

VisionEncoder::Merger VisionEncoder::merger(WeightLoader& weights,
                                            Device& device,
                                            const std::string& at,
                                            int normed) {
  const int merged = shape_.merged();
  return {LayerNorm(weights, at + "ln_q", normed, 1e-6),
          BiasedLinear(weights, device, at + "mlp.0", merged, merged),
          BiasedLinear(weights, device, at + "mlp.2", shape_.out, merged)};
}

// Neighbours follow each other, so rows that are merged are one row already.
std::vector<float> VisionEncoder::Merger::operator()(std::span<const float> x) const {
  std::vector<float> inner = first(norm(x));
  gelu(inner);
  return second(inner);
}

std::vector<std::pair<int, int>> VisionEncoder::places(const ImagePatches& image) const {
  const int m = shape_.merge, blocks = image.cols / m;
  std::vector<std::pair<int, int>> all;
  for (int p = 0; p < image.rows * image.cols; ++p) {
    const int block = p / (m * m), inner = p % (m * m);
    all.emplace_back(block / blocks * m + inner / m, block % blocks * m + inner % m);
  }
  return all;
}

// The learned square is laid over the picture, corner on corner; between its points it is linear.
void VisionEncoder::add_positions(const ImagePatches& image, std::span<float> rows) const {
  const int side = shape_.side;
  const auto width = static_cast<std::size_t>(shape_.hidden);
  struct Taps {
    int first, second;
    float share;  // of the second
  };
  const auto taps = [&](int index, int count) {
    const float at = static_cast<float>(index) * static_cast<float>(side - 1) /
                     static_cast<float>(std::max(count - 1, 1));
    const int floor = std::min(static_cast<int>(at), side - 1);
    return Taps{floor, std::min(floor + 1, side - 1), at - static_cast<float>(floor)};
  };
  float* to = rows.data();
  for (const auto& [row, col] : places(image)) {
    const Taps y = taps(row, image.rows), x = taps(col, image.cols);
    for (const auto& [place, weight] :
         {std::pair(y.first * side + x.first, (1 - y.share) * (1 - x.share)),
          std::pair(y.first * side + x.second, (1 - y.share) * x.share),
          std::pair(y.second * side + x.first, y.share * (1 - x.share)),
          std::pair(y.second * side + x.second, y.share * x.share)}) {
      const float* from = positions_.data() + static_cast<std::size_t>(place) * width;
      for (std::size_t i = 0; i < width; ++i) to[i] += weight * from[i];
    }
    to += width;
  }
}

void VisionEncoder::run(const Layer& layer,
                        std::vector<float>& x,
                        std::span<const std::pair<int, int>> places,
                        std::span<const int> ends) const {
  const auto width = static_cast<std::size_t>(shape_.hidden),
             dim = static_cast<std::size_t>(shape_.head_dim()), quarter = dim / 4;
  const std::vector<float> qkv = layer.qkv(layer.norm1(x));
  std::vector<float> q(x.size()), k(x.size()), v(x.size()), mixed(x.size());
  std::vector<float> cosines(dim / 2), sines(dim / 2);
  for (std::size_t r = 0; r < places.size(); ++r) {
    const float* from = qkv.data() + 3 * r * width;
    std::copy_n(from + 2 * width, width, v.begin() + static_cast<std::ptrdiff_t>(r * width));
    for (std::size_t i = 0; i < dim / 2; ++i) {
      const int place = i < quarter ? places[r].first : places[r].second;
      const float angle = static_cast<float>(place) * frequencies_[i % quarter];
      cosines[i] = std::cos(angle);
      sines[i] = std::sin(angle);
    }
    for (std::vector<float>* to : {&q, &k}) {
      for (std::size_t at = 0; at < width; at += dim)
        for (std::size_t i = 0; i < dim / 2; ++i) {
          const float a = from[at + i], b = from[at + i + dim / 2];
          (*to)[r * width + at + i] = a * cosines[i] - b * sines[i];
          (*to)[r * width + at + i + dim / 2] = b * cosines[i] + a * sines[i];
        }
      from += width;
    }
  }
  attend(q, k, v, mixed, ends, shape_.heads, shape_.head_dim());
  add(x, layer.proj(mixed));
  std::vector<float> inner = layer.fc1(layer.norm2(x));
  gelu_tanh(inner);
  add(x, layer.fc2(inner));
}

Result<std::vector<EncodedImage>> VisionEncoder::encode(std::span<const ImagePatches> images,
                                                        const EncoderObserver& observe) const {
  std::vector<float> x;
  std::vector<std::pair<int, int>> all_places;
  std::vector<int> ends;
  for (const ImagePatches& image : images) {
    if (image.rows < 1 || image.cols < 1 || image.rows % shape_.merge != 0 ||
        image.cols % shape_.merge != 0 ||
        image.values.size() != static_cast<std::size_t>(image.rows) *
                                   static_cast<std::size_t>(image.cols) *
                                   static_cast<std::size_t>(shape_.values()))
      return Error{ErrorCode::invalid_argument,
                   "a picture: found " + std::to_string(image.values.size()) + " values in " +
                       std::to_string(image.rows) + " x " + std::to_string(image.cols) +
                       " patches, expected " + std::to_string(shape_.values()) +
                       " for each, and blocks of " + std::to_string(shape_.merge)};
    std::vector<float> rows = embedding_(image.values);
    add_positions(image, rows);
    x.insert(x.end(), rows.begin(), rows.end());
    const auto more = places(image);
    all_places.insert(all_places.end(), more.begin(), more.end());
    ends.push_back(static_cast<int>(all_places.size()));
  }
  if (observe) observe("embedding", x);
  std::vector<EncodedImage> out(images.size());
  // Gives each picture its part of merged rows.
  const auto share = [&](const std::vector<float>& rows, const auto& take) {
    auto at = rows.begin();
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto end = at + static_cast<std::ptrdiff_t>(images[i].rows) * images[i].cols /
                                (shape_.merge * shape_.merge) * shape_.out;
      take(out[i], std::vector<float>(at, end));
      at = end;
    }
  };
  for (int l = 0; l < shape_.layers; ++l) {
    run(layers_[static_cast<std::size_t>(l)], x, all_places, ends);
    if (observe) observe("blocks." + std::to_string(l), x);
    const auto found = std::find(shape_.deepstack.begin(), shape_.deepstack.end(), l);
    if (found != shape_.deepstack.end())
      share(deepstack_[static_cast<std::size_t>(found - shape_.deepstack.begin())](x),
            [](EncodedImage& to, std::vector<float> rows) {
              to.deepstack.push_back(std::move(rows));
            });
  }
  share(merger_(x), [](EncodedImage& to, std::vector<float> rows) { to.rows = std::move(rows); });
  return out;
}

}  // namespace limelight::stages
