// The talker: hidden states of the thinker in, audio codes out, one frame a step: int32 [frames,
// codebooks].
//
// Frame t is conditioned on row t of the thinker's states, so what it says does not depend on when
// chunks arrive. The first codebook comes from the decoder and is sampled; each further one comes
// greedily from a linear head over the hidden state and the codes before it.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <vector>

#include "stages/models/decoder.hpp"
#include "stages/models/sampler.hpp"

namespace limelight::stages {

class Talker final : public Stage {
 public:
  Talker(const StageConfig& config, WeightLoader& weights, Device& device, ipc::Collective* group);
  Result<void> begin(const Request& request) override;
  Result<void> consume(std::uint64_t request,
                       const ipc::TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override;
  Result<StepState> step(std::uint64_t request, Output& output) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;

 private:
  struct Open {
    Sampler sampler;
    Decoder::Cache cache;
    std::vector<float> conditions;  // [rows, hidden], projected
    bool conditions_complete = false;
    int previous = 0;
    std::vector<std::int32_t> frames;  // not yet sent
  };
  StageConfig config_;
  Device& device_;
  Decoder decoder_;
  std::unique_ptr<Matrix> projection_;          // [hidden, input_hidden]
  std::vector<float> embedding_;                // [codebooks * codebook_size, hidden]
  std::vector<std::unique_ptr<Matrix>> heads_;  // a codebook each: [codebook_size, hidden]
  std::map<std::uint64_t, Open> open_;
};

}  // namespace limelight::stages
