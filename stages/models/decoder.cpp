#include "stages/models/decoder.hpp"

#include <algorithm>
#include <utility>

#include "base/try.hpp"
#include "stages/models/layer_span.hpp"

namespace limelight::stages {

Decoder::Decoder(const StageConfig& config,
                 WeightLoader& weights,
                 Device& device,
                 ipc::Collective* group)
    : cache_(config.cache),
      shape_(config.shape),
      device_(device),
      group_(group),
      norm_(load_vector(weights, device, "norm", config.shape.hidden, 0, config.shape.hidden)) {
  const int ranks = group ? group->size() : 1, rank = group ? group->rank() : 0;
  heads_ = shape_.heads / ranks;
  kv_heads_ = shape_.kv_heads / ranks;
  const int q = heads_ * shape_.head_dim, kv = kv_heads_ * shape_.head_dim, h = shape_.hidden,
            d = shape_.head_dim;
  for (int l = 0; l < shape_.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    const auto rows = [&](const char* name, int share) {
      return weights.matrix(device, at + name, {share * ranks, h, rank * share, share, 0, h},
                            config.dtype);
    };
    const auto whole = [&](const char* name, int width) {
      return load_vector(weights, device, at + name, width, 0, width);
    };
    const auto bias = [&](const char* name, int share) {
      return load_vector(weights, device, at + name, share * ranks, share * rank, share);
    };
    layers_.push_back({.q = rows("q_proj", q),
                       .k = rows("k_proj", kv),
                       .v = rows("v_proj", kv),
                       .o = weights.matrix(device, at + "o_proj", {h, q * ranks, 0, h, rank * q, q},
                                           config.dtype),
                       .dense = {},
                       .experts = {},
                       .input_norm = whole("input_norm", h),
                       .post_norm = whole("post_norm", h),
                       .q_norm = whole("q_norm", d),
                       .k_norm = whole("k_norm", d),
                       .attention_out_norm = whole("attention_out_norm", h),
                       .mlp_out_norm = whole("mlp_out_norm", h),
                       .q_bias = bias("q_proj.bias", q),
                       .k_bias = bias("k_proj.bias", kv),
                       .v_bias = bias("v_proj.bias", kv),
                       .o_bias = whole("o_proj.bias", h)});
    Layer& layer = layers_.back();
    if (shape_.layer(l).experts) layer.experts.emplace(config, at, rank, ranks, weights, device);
    else layer.dense.emplace(config, at, shape_.mlp, rank, ranks, weights, device);
  }
  const std::vector<RopeShape> usual(1);
  for (const RopeShape& rope : shape_.ropes.empty() ? usual : shape_.ropes) {
    const auto& frequencies = rope.of(shape_.max_model_len);
    ropes_.push_back({Array(device, frequencies.size()), rope.scale, rope.interleaved, rope.height,
                      rope.width, rope.sections});
    device.upload(frequencies, ropes_.back().frequencies.span());
  }
}

KvCache Decoder::make_cache(int sequences, std::vector<int> states) const {
  KvCache::Options options{.layers = shape_.layers,
                           .width = kv_heads_ * shape_.head_dim,
                           .block_size = cache_.block_size,
                           .state_width = shape_.hidden,
                           .states = std::move(states),
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
  if (std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.turns.empty(); }))
    return p;
  for (std::size_t axis = 0; axis < 3; ++axis)
    for (const Decoder::Part& part : parts)
      for (int i = 0; i < part.rows; ++i)
        p.turns.push_back(part.turns.empty() ? part.sequence->position + i
                                             : part.turns[static_cast<std::size_t>(i) * 3 + axis]);
  return p;
}

// What is added behind a layer to the rows of all parts; empty: nothing.
std::vector<float> added_behind(std::size_t layer,
                                std::span<const Decoder::Part> parts,
                                std::size_t width) {
  std::vector<float> all;
  std::size_t row = 0, rows = 0;
  for (const Decoder::Part& part : parts) rows += static_cast<std::size_t>(part.rows);
  for (const Decoder::Part& part : parts) {
    const std::size_t size = static_cast<std::size_t>(part.rows) * width;
    if (part.added.size() >= (layer + 1) * size && size > 0) {
      all.resize(rows * width);
      std::copy_n(part.added.begin() + static_cast<std::ptrdiff_t>(layer * size), size,
                  all.begin() + static_cast<std::ptrdiff_t>(row * width));
    }
    row += static_cast<std::size_t>(part.rows);
  }
  return all;
}
}  // namespace

void Decoder::read_states(const KvCache::Sequence& sequence,
                          int from,
                          KvCache& cache,
                          std::size_t index,
                          std::span<float> to) const {
  const auto width = static_cast<std::size_t>(shape_.hidden);
  const int size = cache.options().block_size;
  for (std::size_t row = 0; row < to.size() / width; ++row) {
    const int position = from + static_cast<int>(row);
    const auto slot = static_cast<std::size_t>(
        sequence.blocks[static_cast<std::size_t>(position / size)] * size + position % size);
    device_.download(cache.states(index).subspan(slot * width, width),
                     to.subspan(row * width, width));
  }
}

void Decoder::attend(const Layer& w,
                     const LayerShape& at,
                     std::size_t index,
                     std::span<const float> x,
                     std::span<float> out,
                     int n,
                     KvCache& cache) const {
  const int d = shape_.head_dim, kv_width = kv_heads_ * d;
  const auto project = [&](const Matrix& matrix, const Array& bias, const Array& norm, int heads) {
    Array y(device_, static_cast<std::size_t>(n) * static_cast<std::size_t>(heads * d));
    device_.linear(x, matrix, y.span(), n);
    if (bias.size() > 0) device_.add(y.span(), bias.span());
    if (norm.size() > 0)
      device_.rms_norm(y.span(), y.span(), n * heads, d, norm.span(), shape_.norm_eps);
    return y;
  };
  Array q = project(*w.q, w.q_bias, w.q_norm, heads_);
  Array k = project(*w.k, w.k_bias, w.k_norm, kv_heads_);
  const Array v = project(*w.v, w.v_bias, Array(device_), kv_heads_);
  if (at.rope >= 0) {
    const Rope rope = ropes_[static_cast<std::size_t>(at.rope)].view();
    device_.rope(q.span(), heads_, d, rope);
    device_.rope(k.span(), kv_heads_, d, rope);
  }
  device_.store(k.span(), cache.keys(index), kv_width);
  device_.store(v.span(), cache.values(index), kv_width);
  Array attended(device_, q.size());
  device_.attention(q.span(), cache.keys(index), cache.values(index), attended.span(),
                    {.heads = heads_,
                     .kv_heads = kv_heads_,
                     .head_dim = d,
                     .scale = shape_.attention_scale,
                     .cap = shape_.attention_cap,
                     .window = at.window});
  device_.linear(attended.span(), *w.o, out, n);
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
  const int h = shape_.hidden;
  const auto size = static_cast<std::size_t>(n) * static_cast<std::size_t>(h);
  Array x(device_, size), normed(device_, size), out(device_, size);
  // Adds to the rows what this rank and the others of the group computed of a sum.
  const auto add_out = [&](const Array& bias, const Array& norm) -> Result<void> {
    if (group_ != nullptr) LIMELIGHT_TRY(group_->all_reduce_sum(out.span()));
    if (bias.size() > 0) device_.add(out.span(), bias.span());
    if (norm.size() > 0)
      device_.rms_norm(out.span(), out.span(), n, h, norm.span(), shape_.norm_eps);
    device_.add(x.span(), out.span());
    return {};
  };
  const auto keep = [&](int layers) {
    const std::vector<int>& kept = cache.options().states;
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (kept[i] == layers) device_.store(x.span(), cache.states(i), h);
  };
  const Array none(device_);
  device_.upload(rows, x.span());
  keep(0);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const LayerSpan span(l);
    const Layer& w = layers_[l];
    device_.rms_norm(x.span(), normed.span(), n, h, w.input_norm.span(), shape_.norm_eps);
    attend(w, shape_.layer(static_cast<int>(l)), l, normed.span(), out.span(), n, cache);
    LIMELIGHT_TRY(add_out(w.o_bias, w.attention_out_norm));
    device_.rms_norm(x.span(), normed.span(), n, h, w.post_norm.span(), shape_.norm_eps);
    if (w.dense) w.dense->forward(normed.span(), out.span(), n, shape_.activation);
    else w.experts->forward(normed.span(), out.span(), n, shape_.activation);
    LIMELIGHT_TRY(add_out(w.dense ? w.dense->bias() : none, w.mlp_out_norm));
    if (l + 1 < layers_.size()) keep(static_cast<int>(l) + 1);
    if (const auto added = added_behind(l, parts, static_cast<std::size_t>(h)); !added.empty()) {
      device_.upload(added, out.span());
      device_.add(x.span(), out.span());
    }
  }
  device_.rms_norm(x.span(), x.span(), n, h, norm_.span(), shape_.norm_eps);
  keep(shape_.layers);
  for (const Part& part : parts) cache.computed(part.rows, part.tokens, *part.sequence);
  device_.download(x.span(), rows);
  return {};
}

std::vector<float> rows_of(std::span<const float> x,
                           std::span<const std::size_t> rows,
                           std::size_t width) {
  std::vector<float> some;
  some.reserve(rows.size() * width);
  for (const std::size_t row : rows) {
    const auto values = x.subspan(row * width, width);
    some.insert(some.end(), values.begin(), values.end());
  }
  return some;
}

}  // namespace limelight::stages
