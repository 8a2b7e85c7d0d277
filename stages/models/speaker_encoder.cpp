#include "stages/models/speaker_encoder.hpp"

#include <algorithm>
#include <cmath>

namespace limelight::stages {

namespace {

std::size_t size(int number) { return static_cast<std::size_t>(number); }

void put_columns(std::span<const float> from,
                 std::size_t width,
                 std::size_t at,
                 std::size_t count,
                 std::span<float> to) {
  for (std::size_t row = 0; row * count < from.size(); ++row)
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(row * count), count,
                to.begin() + static_cast<std::ptrdiff_t>(row * width + at));
}

// Means and deviations of the columns, [2 * width]. weights: of each number; empty: all the same.
std::vector<float> statistics(std::span<const float> x,
                              std::size_t width,
                              std::span<const float> weights) {
  constexpr double least_variance = 1e-12;
  const std::size_t rows = x.size() / width;
  const double even = 1 / static_cast<double>(rows);
  std::vector<float> found(2 * width);
  for (std::size_t c = 0; c < width; ++c) {
    double mean = 0, variance = 0;
    const auto weight = [&](std::size_t r) {
      return weights.empty() ? even : static_cast<double>(weights[r * width + c]);
    };
    for (std::size_t r = 0; r < rows; ++r)
      mean += weight(r) * static_cast<double>(x[r * width + c]);
    for (std::size_t r = 0; r < rows; ++r)
      variance += weight(r) * std::pow(static_cast<double>(x[r * width + c]) - mean, 2);
    found[c] = static_cast<float>(mean);
    found[width + c] = static_cast<float>(std::sqrt(std::max(variance, least_variance)));
  }
  return found;
}

// Of each column over all rows.
void soften_columns(std::span<float> x, std::size_t width) {
  for (std::size_t c = 0; c < width; ++c) {
    float top = x[c];
    double sum = 0;
    for (std::size_t at = c; at < x.size(); at += width) top = std::max(top, x[at]);
    for (std::size_t at = c; at < x.size(); at += width)
      sum += static_cast<double>(x[at] = std::exp(x[at] - top));
    for (std::size_t at = c; at < x.size(); at += width)
      x[at] = static_cast<float>(static_cast<double>(x[at]) / sum);
  }
}

}  // namespace

std::vector<float> SpeakerEncoder::Mirrored::operator()(std::span<const float> x) const {
  const int rows = static_cast<int>(x.size()) / in_, left = dilation_ * (kernel_ - 1) / 2;
  std::vector<float> terms;  // in the order of the weights, [in, kernel]
  terms.reserve(x.size() * size(kernel_));
  for (int row = 0; row < rows; ++row)
    for (int c = 0; c < in_; ++c)
      for (int tap = 0; tap < kernel_; ++tap) {
        int from = std::abs(row - left + tap * dilation_);
        if (from >= rows) from = 2 * (rows - 1) - from;
        terms.push_back(x[size(from) * size(in_) + size(c)]);
      }
  std::vector<float> y = weights_(terms);
  for (float& value : y) value = std::max(value, 0.0f);
  return y;
}

SpeakerEncoder::SpeakerEncoder(const SpeakerShape& s,
                               WeightLoader& weights,
                               Device& device,
                               const std::string& at)
    : shape_(s),
      first_(
          weights, device, at + "blocks.0", s.channels[0], s.bands, s.kernels[0], s.dilations[0]),
      sum_(weights,
           device,
           at + "mfa",
           s.channels.back(),
           s.channels.back(),
           s.kernels.back(),
           s.dilations.back()),
      attention_(weights, device, at + "asp.tdnn", s.attention, 3 * s.channels.back(), 1, 1),
      attention_out_(weights, device, at + "asp.conv", s.channels.back(), s.attention),
      out_(weights, device, at + "fc", s.out, 2 * s.channels.back()) {
  for (std::size_t i = 1; i + 1 < s.channels.size(); ++i) {
    const std::string block = at + "blocks." + std::to_string(i) + ".";
    const int width = s.channels[i], part = width / s.scale;
    std::vector<Mirrored> groups;
    for (int group = 0; group + 1 < s.scale; ++group)
      groups.emplace_back(weights, device, block + "res2net_block.blocks." + std::to_string(group),
                          part, part, s.kernels[i], s.dilations[i]);
    blocks_.push_back({Mirrored(weights, device, block + "tdnn1", width, s.channels[i - 1], 1, 1),
                       std::move(groups),
                       Mirrored(weights, device, block + "tdnn2", width, width, 1, 1),
                       BiasedLinear(weights, device, block + "se_block.conv1", s.squeezed, width),
                       BiasedLinear(weights, device, block + "se_block.conv2", width, s.squeezed)});
  }
}

std::vector<float> SpeakerEncoder::run(const Block& block, std::span<const float> x) const {
  std::vector<float> y = block.first(x);
  const std::size_t groups = block.groups.size() + 1, width = size(shape_.channels[0]),
                    part = width / groups;
  std::vector<float> before;  // what the group before gave
  for (std::size_t group = 1; group < groups; ++group) {
    std::vector<float> rows = columns(y, width, group * part, part);
    if (group > 1) add(rows, before);
    before = block.groups[group - 1](rows);
    put_columns(before, width, group * part, part, y);
  }
  y = block.second(y);
  const std::vector<float> all = statistics(y, width, {});
  std::vector<float> gate = block.squeeze(std::span(all).first(width));
  for (float& value : gate) value = std::max(value, 0.0f);
  gate = block.widen(gate);
  for (float& value : gate) value = 1 / (1 + std::exp(-value));
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = x[i] + y[i] * gate[i % width];
  return y;
}

std::vector<float> SpeakerEncoder::pool(std::span<const float> x) const {
  const std::size_t width = size(shape_.channels.back()), rows = x.size() / width;
  const std::vector<float> all = statistics(x, width, {});
  std::vector<float> wide(3 * x.size());
  put_columns(x, 3 * width, 0, width, wide);
  for (std::size_t row = 0; row < rows; ++row)
    put_columns(all, 3 * width, width, 2 * width, std::span(wide).subspan(row * 3 * width));
  std::vector<float> inner = attention_(wide);
  for (float& value : inner) value = std::tanh(value);
  std::vector<float> weights = attention_out_(inner);
  soften_columns(weights, width);
  return statistics(x, width, weights);
}

std::vector<float> SpeakerEncoder::operator()(std::span<const float> mel,
                                              const EncoderObserver& observe) const {
  std::vector<float> x = first_(mel);
  const std::size_t rows = mel.size() / size(shape_.bands), width = size(shape_.channels.back());
  if (observe) observe("blocks.0", x);
  std::vector<float> all(rows * width);
  std::size_t at = 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    x = run(blocks_[i], x);
    if (observe) observe("blocks." + std::to_string(i + 1), x);
    put_columns(x, width, at, size(shape_.channels[i + 1]), all);
    at += size(shape_.channels[i + 1]);
  }
  const std::vector<float> summed = sum_(all);
  if (observe) observe("mfa", summed);
  return out_(pool(summed));
}

}  // namespace limelight::stages
