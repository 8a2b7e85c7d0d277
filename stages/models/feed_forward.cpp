#include "stages/models/feed_forward.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace limelight::stages {

Array load_vector(
    WeightLoader& weights, Device& device, const std::string& name, int full, int from, int share) {
  Array values(device);
  if (!weights.has(name)) return values;
  const std::vector<float> loaded = weights.load(name, {1, full, 0, 1, 0, full});
  values.resize(static_cast<std::size_t>(share));
  device.upload(
      std::span(loaded).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(share)),
      values.span());
  return values;
}

FeedForward::FeedForward(const StageConfig& config,
                         const std::string& at,
                         int width,
                         int rank,
                         int ranks,
                         WeightLoader& weights,
                         Device& device)
    : device_(&device),
      gate_bias_(device),
      up_bias_(device),
      down_bias_(load_vector(
          weights, device, at + "down_proj.bias", config.shape.hidden, 0, config.shape.hidden)) {
  const int share = width / ranks, h = config.shape.hidden;
  const MatrixPart rows{width, h, rank * share, share, 0, h};
  gate_ = weights.matrix(device, at + "gate_proj", rows, config.dtype);
  up_ = weights.matrix(device, at + "up_proj", rows, config.dtype);
  down_ =
      weights.matrix(device, at + "down_proj", {h, width, 0, h, rank * share, share}, config.dtype);
  gate_bias_ = load_vector(weights, device, at + "gate_proj.bias", width, rank * share, share);
  up_bias_ = load_vector(weights, device, at + "up_proj.bias", width, rank * share, share);
}

void FeedForward::forward(std::span<const float> x,
                          std::span<float> out,
                          int n,
                          Activation activation) const {
  const auto size = static_cast<std::size_t>(n) * static_cast<std::size_t>(gate_->out);
  Array gate(*device_, size), up(*device_, size);
  device_->linear(x, *gate_, gate.span(), n);
  device_->linear(x, *up_, up.span(), n);
  if (gate_bias_.size() > 0) device_->add(gate.span(), gate_bias_.span());
  if (up_bias_.size() > 0) device_->add(up.span(), up_bias_.span());
  device_->gate_mul(gate.span(), up.span(), activation);
  device_->linear(gate.span(), *down_, out, n);
}

Experts::Experts(const StageConfig& config,
                 const std::string& at,
                 int rank,
                 int ranks,
                 WeightLoader& weights,
                 Device& device)
    : device_(&device), shape_(config.shape.experts), hidden_(config.shape.hidden) {
  router_ =
      weights.matrix(device, at + "router", MatrixPart::whole(shape_.count, hidden_), config.dtype);
  for (int e = 0; e < shape_.count; ++e)
    experts_.emplace_back(config, at + "experts." + std::to_string(e) + ".", shape_.mlp, rank,
                          ranks, weights, device);
  if (shape_.shared_mlp == 0) return;
  shared_ = std::make_unique<FeedForward>(config, at + "shared_expert.", shape_.shared_mlp, rank,
                                          ranks, weights, device);
  shared_gate_ = weights.matrix(device, at + "shared_expert_gate", MatrixPart::whole(1, hidden_),
                                config.dtype);
}

// The experts of one row with their weights: the largest of the softmax of its logits.
std::vector<Experts::Share> Experts::choose(std::span<float> logits) const {
  const float top = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (float& logit : logits) sum += logit = std::exp(logit - top);
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto used = order.begin() + shape_.used;
  std::partial_sort(order.begin(), used, order.end(), [&](int a, int b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });
  order.erase(used, order.end());
  std::vector<Share> shares;
  float total = 0;
  for (const int expert : order) {
    shares.push_back({expert, logits[static_cast<std::size_t>(expert)] / sum});
    total += shares.back().weight;
  }
  if (shape_.normalised)
    for (Share& share : shares) share.weight /= total;
  return shares;
}

void Experts::forward(std::span<const float> x,
                      std::span<float> out,
                      int n,
                      Activation activation) const {
  const auto rows = static_cast<std::size_t>(n), count = static_cast<std::size_t>(shape_.count),
             width = static_cast<std::size_t>(hidden_);
  Array logits(*device_, rows * count);
  device_->linear(x, *router_, logits.span(), n);
  std::vector<float> preferences(logits.size());
  device_->download(logits.span(), preferences);
  struct Work {
    std::vector<std::int32_t> rows;
    std::vector<float> weights;
  };
  std::vector<Work> work(count);
  for (std::size_t r = 0; r < rows; ++r)
    for (const Share& share : choose(std::span(preferences).subspan(r * count, count))) {
      Work& of_expert = work[static_cast<std::size_t>(share.expert)];
      of_expert.rows.push_back(static_cast<std::int32_t>(r));
      of_expert.weights.push_back(share.weight);
    }
  device_->clear(out);
  for (std::size_t e = 0; e < count; ++e) {
    if (work[e].rows.empty()) continue;
    Array some(*device_, work[e].rows.size() * width), results(*device_, some.size());
    device_->gather(x, work[e].rows, some.span(), hidden_);
    experts_[e].forward(some.span(), results.span(), static_cast<int>(work[e].rows.size()),
                        activation);
    device_->add_rows(results.span(), work[e].rows, work[e].weights, out, hidden_);
  }
  if (!shared_) return;
  Array gate(*device_, rows), shared(*device_, rows * width);
  device_->linear(x, *shared_gate_, gate.span(), n);
  Work all{std::vector<std::int32_t>(rows), std::vector<float>(rows)};
  device_->download(gate.span(), all.weights);
  for (float& weight : all.weights) weight = 1 / (1 + std::exp(-weight));
  std::iota(all.rows.begin(), all.rows.end(), 0);
  shared_->forward(x, shared.span(), n, activation);
  device_->add_rows(shared.span(), all.rows, all.weights, out, hidden_);
}

}  // namespace limelight::stages
