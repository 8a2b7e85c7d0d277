#include "stages/models/decoder.hpp"

#include <utility>

#include "base/try.hpp"

namespace limelight::stages {

Decoder::Decoder(const StageConfig& config,
                 WeightLoader& weights,
                 Device& device,
                 ipc::Collective* group)
    : shape_(config.shape), device_(device), group_(group), norm_(device), frequencies_(device) {
  const int ranks = group ? group->size() : 1, rank = group ? group->rank() : 0;
  heads_ = shape_.heads / ranks;
  kv_heads_ = shape_.kv_heads / ranks;
  mlp_ = shape_.mlp / ranks;
  const int q = heads_ * shape_.head_dim, kv = kv_heads_ * shape_.head_dim, h = shape_.hidden;
  const auto vector = [&](const std::string& name, int full, int from, int share) {
    Array values(device);
    if (!weights.has(name)) return values;
    const std::vector<float> loaded = weights.load(name, {1, full, 0, 1, 0, full});
    values.resize(static_cast<std::size_t>(share));
    device.upload(
        std::span(loaded).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(share)),
        values.span());
    return values;
  };
  for (int l = 0; l < shape_.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    const auto rows = [&](const char* name, int share) {
      return weights.matrix(device, at + name, {share * ranks, h, rank * share, share, 0, h},
                            config.dtype);
    };
    const auto cols = [&](const char* name, int share) {
      return weights.matrix(device, at + name, {h, share * ranks, 0, h, rank * share, share},
                            config.dtype);
    };
    layers_.push_back({rows("q_proj", q), rows("k_proj", kv), rows("v_proj", kv), cols("o_proj", q),
                       rows("gate_proj", mlp_), rows("up_proj", mlp_), cols("down_proj", mlp_),
                       vector(at + "input_norm", h, 0, h), vector(at + "post_norm", h, 0, h),
                       vector(at + "q_proj.bias", q * ranks, q * rank, q),
                       vector(at + "k_proj.bias", kv * ranks, kv * rank, kv),
                       vector(at + "v_proj.bias", kv * ranks, kv * rank, kv)});
  }
  norm_ = vector("norm", h, 0, h);
  if (shape_.rope_frequencies.empty()) return;
  frequencies_.resize(shape_.rope_frequencies.size());
  device.upload(shape_.rope_frequencies, frequencies_.span());
}

Decoder::Cache Decoder::make_cache() const {
  Cache cache;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    cache.keys.emplace_back(device_);
    cache.values.emplace_back(device_);
  }
  return cache;
}

Result<void> Decoder::forward(std::span<float> rows, int n, Cache& cache) const {
  if (cache.position + n > shape_.max_model_len)
    return Error{ErrorCode::too_large, "a sequence of " + std::to_string(cache.position + n) +
                                           " tokens: max_model_len is " +
                                           std::to_string(shape_.max_model_len)};
  const int h = shape_.hidden, d = shape_.head_dim, q_width = heads_ * d, kv_width = kv_heads_ * d;
  const auto array = [&](int width) {
    return Array(device_, static_cast<std::size_t>(n) * static_cast<std::size_t>(width));
  };
  Array x = array(h), normed = array(h), q = array(q_width), attended = array(q_width),
        out = array(h), gate = array(mlp_), up = array(mlp_);
  const std::size_t fresh = static_cast<std::size_t>(n) * static_cast<std::size_t>(kv_width);
  const Rope rope{std::as_const(frequencies_).span(), shape_.rope_interleaved};
  const auto add_bias = [&](std::span<float> to, const Array& bias) {
    if (bias.size() > 0) device_.add(to, bias.span());
  };
  device_.upload(rows, x.span());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& w = layers_[l];
    Array &keys = cache.keys[l], &values = cache.values[l];
    const std::size_t old = keys.size();
    keys.resize(old + fresh);
    values.resize(old + fresh);
    const std::span new_keys = keys.span().subspan(old), new_values = values.span().subspan(old);

    device_.rms_norm(x.span(), normed.span(), n, h, w.input_norm.span(), shape_.rms_eps);
    device_.linear(normed.span(), *w.q, q.span(), n);
    device_.linear(normed.span(), *w.k, new_keys, n);
    device_.linear(normed.span(), *w.v, new_values, n);
    add_bias(q.span(), w.q_bias);
    add_bias(new_keys, w.k_bias);
    add_bias(new_values, w.v_bias);
    device_.rope(q.span(), n, heads_, d, cache.position, rope);
    device_.rope(new_keys, n, kv_heads_, d, cache.position, rope);
    device_.attention(q.span(), keys.span(), values.span(), attended.span(), n, heads_, kv_heads_,
                      d, cache.position);
    device_.linear(attended.span(), *w.o, out.span(), n);
    if (group_ != nullptr) LIMELIGHT_TRY(group_->all_reduce_sum(out.span()));
    device_.add(x.span(), out.span());

    device_.rms_norm(x.span(), normed.span(), n, h, w.post_norm.span(), shape_.rms_eps);
    device_.linear(normed.span(), *w.gate, gate.span(), n);
    device_.linear(normed.span(), *w.up, up.span(), n);
    device_.silu_mul(gate.span(), up.span());
    device_.linear(gate.span(), *w.down, out.span(), n);
    if (group_ != nullptr) LIMELIGHT_TRY(group_->all_reduce_sum(out.span()));
    device_.add(x.span(), out.span());
  }
  cache.position += n;
  device_.rms_norm(x.span(), x.span(), n, h, norm_.span(), shape_.rms_eps);
  device_.download(x.span(), rows);
  return {};
}

}  // namespace limelight::stages
