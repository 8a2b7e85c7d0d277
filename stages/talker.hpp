// The talker reads the hidden states of the thinker and generates audio codes, one frame in each
// step. It emits chunks of int32 [frames, codebooks] on Port::next_stage.
//
// Frame t is conditioned on row t of the hidden states, so the codes do not depend on when chunks
// arrive. If the thinker ends before the talker does, the remaining frames have no condition.
//
// The code of the first codebook is sampled from the decoder's output. The codes of the other
// codebooks are chosen greedily, each by a linear head over the decoder's output and the embeddings
// of the codes before it. Threads: see Stage.
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
  struct Sequence {
    Sampler sampler;
    Decoder::Cache cache;
    std::vector<float> conditions;  // projected input: [rows, hidden]
    bool conditions_complete = false;
    int previous = 0;                  // first code of the last frame; 0 before the first
    std::vector<std::int32_t> frames;  // codes that no chunk holds yet
  };
  StageConfig config_;
  Device& device_;
  Decoder decoder_;
  std::unique_ptr<Matrix> projection_;          // [hidden, input_hidden]
  std::vector<float> embedding_;                // [codebooks * codebook_size, hidden]
  std::vector<std::unique_ptr<Matrix>> heads_;  // one for each codebook: [codebook_size, hidden]
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
