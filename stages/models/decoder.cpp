#include "stages/models/decoder.hpp"

#include <algorithm>
#include <utility>

#include "base/try.hpp"

namespace limelight::stages {

Decoder::Decoder(const StageConfig& config,
                 WeightLoader& weights,
                 Device& device,
                 ipc::Collective* group)
    : cache_(config.cache),
      shape_(config.shape),
      device_(device),
      group_(group),
      norm_(device),
      frequencies_(device) {
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

KvCache Decoder::make_cache(int sequences, bool keep_outputs) const {
  KvCache::Options options{.layers = shape_.layers,
                           .width = kv_heads_ * shape_.head_dim,
                           .block_size = cache_.block_size,
                           .outputs = keep_outputs ? shape_.hidden : 0,
                           .share = cache_.share_prefixes};
  options.blocks =
      cache_blocks(cache_, shape_.max_model_len, sequences, KvCache::block_bytes(options));
  // What is free may differ from rank to rank, but all must have the same blocks.
  if (group_ != nullptr && cache_.memory_fraction > 0) {
    Array agreed(device_, 1);
    const float mine = group_->rank() == 0 ? static_cast<float>(options.blocks) : 0.0f;
    float first = mine;
    device_.upload({&mine, 1}, agreed.span());
    if (group_->all_reduce_sum(agreed.span())) device_.download(agreed.span(), {&first, 1});
    options.blocks = static_cast<int>(first);
  }
  return KvCache(device_, options);
}

namespace {
Placement place(std::span<const Decoder::Part> parts, const KvCache& cache) {
  Placement p;
  p.block_size = cache.options().block_size;
  for (const Decoder::Part& part : parts)
    p.table_width = std::max(p.table_width, static_cast<int>(part.sequence->blocks.size()));
  for (std::size_t s = 0; s < parts.size(); ++s) {
    const KvCache::Sequence& sequence = *parts[s].sequence;
    for (int i = 0; i < parts[s].rows; ++i) {
      const int position = sequence.position + i;
      p.positions.push_back(position);
      p.sequences.push_back(static_cast<std::int32_t>(s));
      p.slots.push_back(sequence.blocks[static_cast<std::size_t>(position / p.block_size)] *
                            p.block_size +
                        position % p.block_size);
    }
    p.tables.insert(p.tables.end(), sequence.blocks.begin(), sequence.blocks.end());
    p.tables.resize((s + 1) * static_cast<std::size_t>(p.table_width));
  }
  return p;
}
}  // namespace

void Decoder::read_outputs(const KvCache::Sequence& sequence,
                           int from,
                           KvCache& cache,
                           std::span<float> to) const {
  const auto width = static_cast<std::size_t>(shape_.hidden);
  const int size = cache.options().block_size;
  for (std::size_t row = 0; row < to.size() / width; ++row) {
    const int position = from + static_cast<int>(row);
    const auto slot = static_cast<std::size_t>(
        sequence.blocks[static_cast<std::size_t>(position / size)] * size + position % size);
    device_.download(cache.outputs().subspan(slot * width, width), to.subspan(row * width, width));
  }
}

Result<void> Decoder::forward(std::span<float> rows,
                              std::span<const Part> parts,
                              KvCache& cache) const {
  int n = 0;
  for (const Part& part : parts) {
    n += part.rows;
    const int length = part.sequence->position + part.rows;
    if (length > shape_.max_model_len)
      return Error{ErrorCode::too_large, "a sequence of " + std::to_string(length) +
                                             " tokens: max_model_len is " +
                                             std::to_string(shape_.max_model_len)};
    if (!cache.reserve(part.rows, *part.sequence))
      return Error{ErrorCode::busy, "the KV cache has no free block: it has " +
                                        std::to_string(cache.block_count()) + " of " +
                                        std::to_string(cache.options().block_size) + " positions"};
  }
  const Placement placement = place(parts, cache);
  device_.place(placement);
  const int h = shape_.hidden, d = shape_.head_dim, q_width = heads_ * d, kv_width = kv_heads_ * d;
  const auto array = [&](int width) {
    return Array(device_, static_cast<std::size_t>(n) * static_cast<std::size_t>(width));
  };
  Array x = array(h), normed = array(h), q = array(q_width), attended = array(q_width),
        k = array(kv_width), v = array(kv_width), out = array(h), gate = array(mlp_),
        up = array(mlp_);
  const Rope rope{std::as_const(frequencies_).span(), shape_.rope_interleaved};
  const auto add_bias = [&](std::span<float> to, const Array& bias) {
    if (bias.size() > 0) device_.add(to, bias.span());
  };
  device_.upload(rows, x.span());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& w = layers_[l];
    device_.rms_norm(x.span(), normed.span(), n, h, w.input_norm.span(), shape_.rms_eps);
    device_.linear(normed.span(), *w.q, q.span(), n);
    device_.linear(normed.span(), *w.k, k.span(), n);
    device_.linear(normed.span(), *w.v, v.span(), n);
    add_bias(q.span(), w.q_bias);
    add_bias(k.span(), w.k_bias);
    add_bias(v.span(), w.v_bias);
    device_.rope(q.span(), heads_, d, rope);
    device_.rope(k.span(), kv_heads_, d, rope);
    device_.store(k.span(), cache.keys(l), kv_width);
    device_.store(v.span(), cache.values(l), kv_width);
    device_.attention(q.span(), cache.keys(l), cache.values(l), attended.span(), heads_, kv_heads_,
                      d);
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
  device_.rms_norm(x.span(), x.span(), n, h, norm_.span(), shape_.rms_eps);
  if (cache.options().outputs > 0) device_.store(x.span(), cache.outputs(), h);
  for (const Part& part : parts) cache.computed(part.rows, part.tokens, *part.sequence);
  device_.download(x.span(), rows);
  return {};
}

}  // namespace limelight::stages
