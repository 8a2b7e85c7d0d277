// A decoder-only transformer: RMSNorm, RoPE, grouped-query attention, SwiGLU, KV cache. It maps
// rows to rows; embeddings and heads belong to the stage.
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
#include "stages/models/weights.hpp"

namespace limelight::stages {

class Decoder {
 public:
  // group: the ranks that share the layers; it sums in the device's memory. nullptr if there is one
  // rank.
  Decoder(const StageConfig& config, WeightLoader& weights, Device& device, ipc::Collective* group);

  // Keys and values of one sequence.
  struct Cache {
    std::vector<Array> keys, values;  // one for each layer: [position, kv_heads / ranks, head_dim]
    int position = 0;
  };
  Cache make_cache() const;

  // Replaces x, [n, hidden] on the host, by the normalised output rows, and extends the cache by n
  // positions. Errors: too_large (max_model_len), timeout (another rank of the group did not
  // answer).
  Result<void> forward(std::span<float> x, int n, Cache& cache) const;

 private:
  struct Layer {
    std::unique_ptr<Matrix> q, k, v, o, gate, up, down;
    Array input_norm, post_norm, q_bias, k_bias, v_bias;  // empty where the model has none
  };
  ModelShape shape_;
  Device& device_;
  ipc::Collective* group_;
  int heads_, kv_heads_, mlp_;  // this rank's share
  std::vector<Layer> layers_;
  Array norm_, frequencies_;
};

}  // namespace limelight::stages
