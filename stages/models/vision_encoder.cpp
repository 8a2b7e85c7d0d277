#include "stages/models/vision_encoder.hpp"

#include <algorithm>
#include <cmath>

#include "stages/models/layer_span.hpp"

namespace limelight::stages {

namespace {

// Groups of `count` numbers, in the order of `order`.
std::vector<float> ordered(std::span<const float> x,
                           std::span<const int> order,
                           std::size_t count) {
  std::vector<float> y;
  y.reserve(x.size());
  for (const int from : order) {
    const auto begin =
        x.begin() + static_cast<std::ptrdiff_t>(from) * static_cast<std::ptrdiff_t>(count);
    y.insert(y.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
  }
  return y;
}

}  // namespace

VisionEncoder::VisionEncoder(const VisionEncoderShape& s,
                             WeightLoader& weights,
                             Device& device,
                             const std::string& at)
    : shape_(s),
      embedding_(
          weights, device, at + "patch_embed.proj", s.hidden, s.values(), s.window == 0, s.patch),
      merger_(merger(weights, device, at + "merger.", s.hidden)) {
  if (s.window == 0)
    positions_ = weights.load(at + "pos_embed", MatrixPart::whole(s.side * s.side, s.hidden));
  for (int i = 0; i < s.head_dim() / 4; ++i)
    frequencies_.push_back(static_cast<float>(1 / std::pow(s.rope_base, 4.0 * i / s.head_dim())));
  for (int l = 0; l < s.layers; ++l)
    add_layer(weights, device, at + "blocks." + std::to_string(l) + ".");
  for (std::size_t m = 0; m < s.deepstack.size(); ++m)
    deepstack_.push_back(
        merger(weights, device, at + "merger_list." + std::to_string(m) + ".", s.merged()));
}

void VisionEncoder::add_layer(WeightLoader& weights, Device& device, const std::string& at) {
  const int hidden = shape_.hidden, mlp = shape_.mlp;
  const bool gated = shape_.window > 0;
  const auto linear = [&](const std::string& name, int out, int in) {
    return BiasedLinear(weights, device, at + name, out, in);
  };
  std::vector<BiasedLinear> qkv, gate;
  if (!gated) qkv.push_back(linear("attn.qkv", 3 * hidden, hidden));
  else
    for (const char* name : {"attn.q", "attn.k", "attn.v"})
      qkv.push_back(linear(name, hidden, hidden));
  if (gated) gate.push_back(linear("mlp.gate_proj", mlp, hidden));
  layers_.push_back({LayerNorm(weights, at + "norm1", hidden, 1e-6, !gated),
                     LayerNorm(weights, at + "norm2", hidden, 1e-6, !gated), std::move(qkv),
                     linear("attn.proj", hidden, hidden),
                     linear(gated ? "mlp.up_proj" : "mlp.linear_fc1", mlp, hidden),
                     linear(gated ? "mlp.down_proj" : "mlp.linear_fc2", hidden, mlp),
                     std::move(gate)});
}

VisionEncoder::Merger VisionEncoder::merger(WeightLoader& weights,
                                            Device& device,
                                            const std::string& at,
                                            int normed) {
  const int merged = shape_.merged();
  return {LayerNorm(weights, at + "ln_q", normed, 1e-6, shape_.window == 0),
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

std::vector<int> VisionEncoder::windows(const ImagePatches& image, std::vector<int>& ends) const {
  const int side = shape_.window_side(), rows = image.rows / shape_.merge,
            cols = image.cols / shape_.merge, patches = shape_.merge * shape_.merge;
  std::vector<int> order;
  const int before = ends.empty() ? 0 : ends.back();
  for (int top = 0; top < rows; top += side)
    for (int left = 0; left < cols; left += side) {
      for (int row = top; row < std::min(rows, top + side); ++row)
        for (int col = left; col < std::min(cols, left + side); ++col)
          order.push_back(row * cols + col);
      ends.push_back(before + static_cast<int>(order.size()) * patches);
    }
  return order;
}

void VisionEncoder::turn(std::span<float> row, std::pair<int, int> place) const {
  const auto dim = static_cast<std::size_t>(shape_.head_dim()), quarter = dim / 4;
  for (std::size_t i = 0; i < dim / 2; ++i) {
    const float angle =
        static_cast<float>(i < quarter ? place.first : place.second) * frequencies_[i % quarter];
    const float c = std::cos(angle), s = std::sin(angle);
    for (std::size_t at = i; at < row.size(); at += dim) {
      const float a = row[at], b = row[at + dim / 2];
      row[at] = a * c - b * s;
      row[at + dim / 2] = b * c + a * s;
    }
  }
}

void VisionEncoder::run(const Layer& layer,
                        std::vector<float>& x,
                        std::span<const std::pair<int, int>> places,
                        std::span<const int> ends) const {
  const auto width = static_cast<std::size_t>(shape_.hidden);
  const std::vector<float> normed = layer.norm1(x);
  std::vector<float> all = layer.qkv[0](normed), q, k, v, mixed(x.size());
  if (layer.qkv.size() == 3) {
    q = std::move(all);
    k = layer.qkv[1](normed);
    v = layer.qkv[2](normed);
  } else {
    q = columns(all, 3 * width, 0, width);
    k = columns(all, 3 * width, width, width);
    v = columns(all, 3 * width, 2 * width, width);
  }
  for (std::size_t r = 0; r < places.size(); ++r)
    for (std::vector<float>* rows : {&q, &k})
      turn(std::span(*rows).subspan(r * width, width), places[r]);
  attend(q, k, v, mixed, ends, shape_.heads, shape_.head_dim());
  add(x, layer.proj(mixed));
  const std::vector<float> second = layer.norm2(x);
  std::vector<float> inner = layer.fc1(second);
  if (layer.gate.empty()) {
    gelu_tanh(inner);
  } else {
    const std::vector<float> gate = layer.gate[0](second);
    for (std::size_t i = 0; i < inner.size(); ++i) inner[i] *= gate[i] / (1 + std::exp(-gate[i]));
  }
  add(x, layer.fc2(inner));
}

Result<std::vector<EncodedImage>> VisionEncoder::encode(std::span<const ImagePatches> images,
                                                        const EncoderObserver& observe) const {
  std::vector<float> x;
  std::vector<std::pair<int, int>> all_places;
  std::vector<int> ends, window_ends;
  std::vector<std::vector<int>> orders;  // of each picture with windows
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
    auto more = places(image);
    if (shape_.window == 0) {
      add_positions(image, rows);
    } else {
      const auto patches =
          static_cast<std::size_t>(shape_.merge) * static_cast<std::size_t>(shape_.merge);
      orders.push_back(windows(image, window_ends));
      rows = ordered(rows, orders.back(), patches * static_cast<std::size_t>(shape_.hidden));
      std::vector<std::pair<int, int>> moved;
      for (const int from : orders.back())
        for (std::size_t i = 0; i < patches; ++i)
          moved.push_back(more[static_cast<std::size_t>(from) * patches + i]);
      more = std::move(moved);
    }
    x.insert(x.end(), rows.begin(), rows.end());
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
    const LayerSpan span(static_cast<std::size_t>(l));
    const bool whole = shape_.window == 0 ||
                       std::find(shape_.full.begin(), shape_.full.end(), l) != shape_.full.end();
    run(layers_[static_cast<std::size_t>(l)], x, all_places, whole ? ends : window_ends);
    if (observe) observe("blocks." + std::to_string(l), x);
    const auto found = std::find(shape_.deepstack.begin(), shape_.deepstack.end(), l);
    if (found != shape_.deepstack.end())
      share(deepstack_[static_cast<std::size_t>(found - shape_.deepstack.begin())](x),
            [](EncodedImage& to, std::vector<float> rows) {
              to.deepstack.push_back(std::move(rows));
            });
  }
  share(merger_(x), [](EncodedImage& to, std::vector<float> rows) { to.rows = std::move(rows); });
  for (std::size_t i = 0; i < orders.size(); ++i) {
    std::vector<int> back(orders[i].size());
    for (std::size_t place = 0; place < back.size(); ++place)
      back[static_cast<std::size_t>(orders[i][place])] = static_cast<int>(place);
    out[i].rows = ordered(out[i].rows, back, static_cast<std::size_t>(shape_.out));
  }
  return out;
}

}  // namespace limelight::stages
