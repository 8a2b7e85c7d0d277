// A decoder-only transformer: RMSNorm, RoPE, grouped-query attention, SwiGLU, KV cache. It maps
// the rows of a batch of sequences to rows; embeddings and heads belong to the stage.
//
// With a group, each rank holds a share of the attention heads and of the MLP's columns. Each layer
// then needs two all-reduces: after attention and after the MLP. All ranks of the group must call
// forward() with the same rows, in the same order. One thread uses a decoder.
#pragma once

#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <span>
#include <vector>

#include "ipc/collective.hpp"
#include "stages/devices/device.hpp"
#include "stages/models/kv_cache.hpp"
#include "stages/models/weights.hpp"

namespace limelight::stages {

class Decoder {
 public:
  // group: the ranks that share the layers; it sums in the device's memory. nullptr if there is one
  // rank.
  Decoder(const StageConfig& config, WeightLoader& weights, Device& device, ipc::Collective* group);

  // A cache for this decoder's layers. sequences: how many sequences of max_model_len it has room
  // for at most, unless the config states its size.
  KvCache make_cache(int sequences, bool keep_outputs = false) const;

  // The rows of one sequence in a step. tokens: those of the whole sequence, these rows included,
  // so that others can share its blocks; empty if it has none.
  struct Part {
    KvCache::Sequence* sequence;
    int rows;
    std::span<const int> tokens;
  };
  // Replaces x, the rows of all parts one after the other, [rows, hidden] on the host, by the
  // normalised output rows, and extends each sequence by its rows. A row's output does not depend
  // on the other parts. Errors: too_large (max_model_len), busy (the cache has no free block:
  // reserve() first), timeout (another rank of the group did not answer).
  Result<void> forward(std::span<float> x, std::span<const Part> parts, KvCache& cache) const;
  // Copies output rows that the cache kept: those of the positions from `from` on, as many as `to`
  // has room for.
  void read_outputs(const KvCache::Sequence& sequence,
                    int from,
                    KvCache& cache,
                    std::span<float> to) const;

 private:
  struct Layer {
    std::unique_ptr<Matrix> q, k, v, o, gate, up, down;
    Array input_norm, post_norm, q_bias, k_bias, v_bias;  // empty where the model has none
  };
  CacheConfig cache_;
  ModelShape shape_;
  Device& device_;
  ipc::Collective* group_;
  int heads_, kv_heads_, mlp_;  // this rank's share
  std::vector<Layer> layers_;
  Array norm_, frequencies_;
};

}  // namespace limelight::stages
