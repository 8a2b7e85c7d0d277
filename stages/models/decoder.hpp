// The layers of a decoder-only transformer: RMSNorm, RoPE, grouped-query attention, a gated
// feed-forward network or a mixture of experts, KV cache. It maps the rows of a batch of sequences
// to rows. DecoderShape says what layers differ in; biases, norms of queries and keys, and norms of
// what is added to the rows are there if the weights have them.
//
// With a group, each rank holds a share of the attention heads and of the MLP's columns. Each layer
// then needs two all-reduces: after attention and after the MLP. All ranks of the group must call
// forward() with the same rows, in the same order. One thread uses a decoder.
#pragma once

#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <optional>
#include <span>
#include <vector>

#include "ipc/collective.hpp"
#include "stages/devices/device.hpp"
#include "stages/models/feed_forward.hpp"
#include "stages/models/kv_cache.hpp"
#include "stages/models/weights.hpp"

namespace limelight::stages {

class Decoder {
 public:
  // group: the ranks that share the layers; it sums in the device's memory. nullptr if there is one
  // rank.
  Decoder(const StageConfig& config, WeightLoader& weights, Device& device, ipc::Collective* group);

  // A cache for this decoder's layers. sequences: how many sequences of max_model_len it has room
  // for at most, unless the config states its size. states: see KvCache::Options.
  KvCache make_cache(int sequences, std::vector<int> states = {}) const;

  // The rows of one sequence in a step. tokens: those of the whole sequence, these rows included,
  // so that others can share its blocks; empty if it has none.
  struct Part {
    KvCache::Sequence* sequence;
    int rows;
    std::span<const int> tokens;
    // Time, height and width of each row, [rows, 3]. Empty: its position in the sequence.
    std::span<const std::int32_t> turns = {};
    // What is added to the rows behind each of the first layers, [layers, rows, hidden] (DeepStack,
    // Meng and others, 2024). Empty: nothing.
    std::span<const float> added = {};
  };
  // Replaces x, the rows of all parts one after the other, [rows, hidden] on the host, by the
  // normalised output rows, and extends each sequence by its rows. A row's output does not depend
  // on the other parts. Errors: too_large (max_model_len), busy (the cache has no free block:
  // reserve() first), timeout (another rank of the group did not answer).
  Result<void> forward(std::span<float> x, std::span<const Part> parts, KvCache& cache) const;
  // Copies rows that the cache kept, those of its options().states[index]: of the positions from
  // `from` on, as many as `to` has room for.
  void read_states(const KvCache::Sequence& sequence,
                   int from,
                   KvCache& cache,
                   std::size_t index,
                   std::span<float> to) const;

 private:
  struct Layer {
    std::unique_ptr<Matrix> q, k, v, o;
    std::optional<FeedForward> dense;  // one of the two
    std::optional<Experts> experts;
    // Empty where the model has none:
    Array input_norm, post_norm, q_norm, k_norm, attention_out_norm, mlp_out_norm;
    Array q_bias, k_bias, v_bias, o_bias;
  };
  struct DeviceRope {
    Array frequencies;
    float scale;
    bool interleaved;
    int height, width;
    bool sections;
    Rope view() const { return {frequencies.span(), scale, interleaved, height, width, sections}; }
  };
  void attend(const Layer& layer,
              const LayerShape& shape,
              std::size_t index,
              std::span<const float> x,
              std::span<float> out,
              int n,
              KvCache& cache) const;
  CacheConfig cache_;
  DecoderShape shape_;
  Device& device_;
  ipc::Collective* group_;
  int heads_, kv_heads_;  // this rank's share
  std::vector<Layer> layers_;
  std::vector<DeviceRope> ropes_;
  Array norm_;
};

// Some rows of x, [n, width], one after the other.
std::vector<float> rows_of(std::span<const float> x,
                           std::span<const std::size_t> rows,
                           std::size_t width);

}  // namespace limelight::stages
