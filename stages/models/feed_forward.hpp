// The feed-forward network of a decoder's layer: one for all rows, or a mixture of experts, of
// which each row uses some. Used by Decoder alone, on its thread.
//
// With a group, each rank holds a share of the columns of every network and computes a part of the
// sums: they are whole after an all-reduce, and the output's bias is added after it.
#pragma once

#include <limelight/config.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stages/devices/device.hpp"
#include "stages/models/weights.hpp"

namespace limelight::stages {

// One that all rows go through: down(activation(gate(x)) * up(x)).
class FeedForward {
 public:
  // at: the beginning of its tensors' names, such as "layers.0." width: of all ranks together.
  FeedForward(const StageConfig& config,
              const std::string& at,
              int width,
              int rank,
              int ranks,
              WeightLoader& weights,
              Device& device);
  // x, out: [n, hidden].
  void forward(std::span<const float> x, std::span<float> out, int n, Activation activation) const;
  const Array& bias() const noexcept { return down_bias_; }

 private:
  Device* device_;
  std::unique_ptr<Matrix> gate_, up_, down_;
  Array gate_bias_, up_bias_, down_bias_;  // empty where the model has none
};

class Experts {
 public:
  Experts(const StageConfig& config,
          const std::string& at,
          int rank,
          int ranks,
          WeightLoader& weights,
          Device& device);
  void forward(std::span<const float> x, std::span<float> out, int n, Activation activation) const;

 private:
  struct Share {
    int expert;
    float weight;
  };
  std::vector<Share> choose(std::span<float> logits) const;

  Device* device_;
  ExpertsShape shape_;
  int hidden_;
  std::unique_ptr<Matrix> router_;  // [count, hidden]
  std::vector<FeedForward> experts_;
  std::unique_ptr<FeedForward> shared_;
  std::unique_ptr<Matrix> shared_gate_;  // [1, hidden]; by its sigmoid the shared one counts
};

// The part from `from` on of a vector of `full` values; empty if there is no such tensor.
Array load_vector(
    WeightLoader& weights, Device& device, const std::string& name, int full, int from, int share);

}  // namespace limelight::stages
