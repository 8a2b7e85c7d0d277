#include "stages/models/encoder_parts.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace limelight::stages {

namespace {
std::size_t size(int number) { return static_cast<std::size_t>(number); }
}  // namespace

BiasedLinear::BiasedLinear(WeightLoader& weights,
                           Device& device,
                           const std::string& name,
                           int out,
                           int in,
                           bool biased,
                           int last)
    : device_(&device) {
  constexpr auto exact = ipc::DType::float32;
  if (last == 0 || last == in) {
    matrix_ = weights.matrix(device, name, MatrixPart::whole(out, in), exact);
  } else {
    const auto all = weights.load(name, MatrixPart::whole(out * (in / last), last));
    matrix_ = device.pack(all, out, in, exact);
  }
  if (biased) bias_ = weights.load(name + ".bias", MatrixPart::whole(1, out));
}

std::vector<float> BiasedLinear::operator()(std::span<const float> x) const {
  const std::size_t rows = x.size() / size(matrix_->in), width = size(matrix_->out);
  std::vector<float> y(rows * width);
  if (rows == 0) return y;
  linear_of_host(*device_, x, *matrix_, y, static_cast<int>(rows));
  if (!bias_.empty())
    for (std::size_t r = 0; r < rows; ++r) add(std::span(y).subspan(r * width, width), bias_);
  return y;
}

LayerNorm::LayerNorm(
    WeightLoader& weights, const std::string& name, int width, double epsilon, bool centred)
    : weight_(weights.load(name, MatrixPart::whole(1, width))), epsilon_(epsilon) {
  if (centred) bias_ = weights.load(name + ".bias", MatrixPart::whole(1, width));
}

std::vector<float> LayerNorm::operator()(std::span<const float> x) const {
  const std::size_t width = weight_.size();
  std::vector<float> y(x.size());
  for (std::size_t at = 0; at < x.size(); at += width) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < width; ++i) sum += static_cast<double>(x[at + i]);
    const double mean = bias_.empty() ? 0 : sum / static_cast<double>(width);
    for (std::size_t i = 0; i < width; ++i) {
      const double away = static_cast<double>(x[at + i]) - mean;
      squares += away * away;
    }
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + epsilon_);
    for (std::size_t i = 0; i < width; ++i)
      y[at + i] = static_cast<float>((static_cast<double>(x[at + i]) - mean) * scale) * weight_[i] +
                  (bias_.empty() ? 0 : bias_[i]);
  }
  return y;
}

void gelu(std::span<float> x) {
  constexpr auto root = static_cast<float>(1 / std::numbers::sqrt2);
  for (float& value : x) value = value * 0.5f * (1 + std::erf(value * root));
}

void gelu_tanh(std::span<float> x) {
  constexpr auto root = static_cast<float>(std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  for (float& value : x)
    value = 0.5f * value * (1 + std::tanh(root * (value + 0.044715f * value * value * value)));
}

void add(std::span<float> x, std::span<const float> y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

std::vector<float> columns(std::span<const float> x,
                           std::size_t width,
                           std::size_t from,
                           std::size_t count) {
  std::vector<float> taken;
  taken.reserve(x.size() / width * count);
  for (std::size_t row = 0; row < x.size(); row += width)
    taken.insert(taken.end(), x.begin() + static_cast<std::ptrdiff_t>(row + from),
                 x.begin() + static_cast<std::ptrdiff_t>(row + from + count));
  return taken;
}

namespace {

// One head of `queries` rows that see `rows` rows. The keys are turned into columns first: then the
// innermost loops are sums of whole vectors.
void attend_head(const float* q,
                 const float* k,
                 const float* v,
                 float* out,
                 std::size_t queries,
                 std::size_t rows,
                 std::size_t step,
                 std::size_t width) {
  const float scale = 1 / std::sqrt(static_cast<float>(width));
  std::vector<float> columns(width * rows), scores(rows);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t d = 0; d < width; ++d) columns[d * rows + r] = k[r * step + d];
  for (std::size_t r = 0; r < queries; ++r) {
    std::fill(scores.begin(), scores.end(), 0.0f);
    for (std::size_t d = 0; d < width; ++d) {
      const float one = q[r * step + d] * scale;
      const float* column = columns.data() + d * rows;
      float* to = scores.data();
      for (std::size_t j = 0; j < rows; ++j) to[j] += one * column[j];
    }
    const float top = *std::max_element(scores.begin(), scores.end());
    float sum = 0;
    for (float& score : scores) sum += score = std::exp(score - top);
    float* to = out + r * step;
    std::fill_n(to, width, 0.0f);
    for (std::size_t j = 0; j < rows; ++j) {
      const float weight = scores[j] / sum;
      const float* values = v + j * step;
      for (std::size_t d = 0; d < width; ++d) to[d] += weight * values[d];
    }
  }
}

}  // namespace

void attend(std::span<const float> q,
            std::span<const float> k,
            std::span<const float> v,
            std::span<float> out,
            std::span<const int> ends,
            int heads,
            int head_dim) {
  const std::size_t width = size(head_dim), step = width * size(heads);
  std::size_t begin = 0;
  for (const int end : ends) {
    for (std::size_t h = 0; h < size(heads); ++h) {
      const std::size_t at = begin * step + h * width;
      attend_head(q.data() + at, k.data() + at, v.data() + at, out.data() + at, size(end) - begin,
                  size(end) - begin, step, width);
    }
    begin = size(end);
  }
}

void attend_blocks(std::span<const float> q,
                   std::span<const float> k,
                   std::span<const float> v,
                   std::span<float> out,
                   const BlockAttention& blocks,
                   int heads,
                   int head_dim) {
  const std::size_t width = size(head_dim), step = width * size(heads), rows = q.size() / step,
                    block = size(blocks.block), before = size(blocks.before) * block;
  for (std::size_t begin = 0; begin < rows; begin += block) {
    const std::size_t end = std::min(rows, begin + block), first = begin - std::min(begin, before),
                      last = std::min(rows, begin + block * (1 + size(blocks.ahead)));
    for (std::size_t h = 0; h < size(heads); ++h) {
      const std::size_t at = begin * step + h * width, from = first * step + h * width;
      attend_head(q.data() + at, k.data() + from, v.data() + from, out.data() + at, end - begin,
                  last - first, step, width);
    }
  }
}

}  // namespace limelight::stages
