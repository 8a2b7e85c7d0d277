// A decoder-only transformer: RMSNorm, RoPE, grouped-query attention, SwiGLU, KV cache. Rows in,
// rows out; embeddings and heads are the stage's.
//
// With a group, each rank holds its share of the heads and of the MLP's columns; the two sums of a
// layer go through one all-reduce each.
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
  // group: the ranks that share the layers, on this device's memory; null when it is alone.
  Decoder(const StageConfig& config, WeightLoader& weights, Device& device, ipc::Collective* group);

  // Keys and values of one sequence.
  struct Cache {
    std::vector<Array> keys, values;  // a layer each: [position, kv_heads / ranks, head_dim]
    int position = 0;
  };
  Cache make_cache() const;

  // x [n, hidden], on the host, becomes the normalised output rows; the cache grows by n. Errors:
  // too_large (max_model_len), timeout (a peer is gone).
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
