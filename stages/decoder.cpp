#include "stages/decoder.hpp"

#include "stages/ops.hpp"

namespace limelight::stages {

Decoder::Decoder(const ModelShape& shape, WeightLoader& weights, ipc::SharedGroup* group) : shape_(shape), group_(group) {
  const int ranks = group ? group->size() : 1, rank = group ? group->rank() : 0;
  heads_ = shape.heads / ranks;
  kv_heads_ = shape.kv_heads / ranks;
  mlp_ = shape.mlp / ranks;
  const int q = heads_ * shape.head_dim, kv = kv_heads_ * shape.head_dim, h = shape.hidden;
  for (int l = 0; l < shape.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    const auto rows = [&](const char* name, int share) { return weights.load(at + name, {share * ranks, h, rank * share, share, 0, h}); };
    const auto cols = [&](const char* name, int share) { return weights.load(at + name, {h, share * ranks, 0, h, rank * share, share}); };
    layers_.push_back({rows("q_proj", q), rows("k_proj", kv), rows("v_proj", kv), cols("o_proj", q), rows("gate_proj", mlp_),
                       rows("up_proj", mlp_), cols("down_proj", mlp_)});
  }
}

Decoder::Cache Decoder::make_cache() const {
  Cache cache;
  cache.keys.resize(layers_.size());
  cache.values.resize(layers_.size());
  return cache;
}

Result<void> Decoder::forward(std::span<float> x, int n, Cache& cache) const {
  if (cache.position + n > shape_.max_model_len)
    return Error{ErrorCode::too_large, "a sequence of " + std::to_string(cache.position + n) + " tokens: max_model_len is " +
                                           std::to_string(shape_.max_model_len)};
  const int h = shape_.hidden, d = shape_.head_dim, q_width = heads_ * d, kv_width = kv_heads_ * d;
  const auto size = [n](int width) { return static_cast<std::size_t>(n) * static_cast<std::size_t>(width); };
  std::vector<float> normed(size(h)), q(size(q_width)), attended(size(q_width)), out(size(h)), gate(size(mlp_)), up(size(mlp_));
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& w = layers_[l];
    std::vector<float>&keys = cache.keys[l], &values = cache.values[l];
    const std::size_t old = keys.size();
    keys.resize(old + size(kv_width));
    values.resize(old + size(kv_width));
    const std::span new_keys = std::span(keys).subspan(old), new_values = std::span(values).subspan(old);

    ops::rms_norm(x, normed, n, h);
    ops::linear(normed, w.q, q, n, h, q_width);
    ops::linear(normed, w.k, new_keys, n, h, kv_width);
    ops::linear(normed, w.v, new_values, n, h, kv_width);
    ops::rope(q, n, heads_, d, cache.position);
    ops::rope(new_keys, n, kv_heads_, d, cache.position);
    ops::attention(q, keys, values, attended, n, heads_, kv_heads_, d, cache.position);
    ops::linear(attended, w.o, out, n, q_width, h);
    if (group_ != nullptr)
      if (auto met = group_->all_reduce_sum(out); !met) return met;
    ops::add(x, out);

    ops::rms_norm(x, normed, n, h);
    ops::linear(normed, w.gate, gate, n, h, mlp_);
    ops::linear(normed, w.up, up, n, h, mlp_);
    ops::silu_mul(gate, up);
    ops::linear(gate, w.down, out, n, mlp_, h);
    if (group_ != nullptr)
      if (auto met = group_->all_reduce_sum(out); !met) return met;
    ops::add(x, out);
  }
  cache.position += n;
  ops::rms_norm(x, x, n, h);
  return {};
}

}  // namespace limelight::stages
