// The talker of Qwen3-Omni: reads the thinker's tokens, and its states where they stand for sound,
// images and videos, and generates audio codes (FrameTalker has how).
//
// It begins when it knows the first token of the answer, and reads one more token with each frame.
// The code predictor chooses greedily where the first code is chosen so, with top_k 50 and top_p
// 0.8 otherwise, as in the reference (transformers). Threads: see Stage.
#pragma once

#include "stages/frame_talker.hpp"
#include "stages/models/talker_inputs.hpp"

namespace limelight::stages {

class Qwen3OmniTalker final : public FrameTalker {
 public:
  // config.model has a talker, and config.speaker is one of its speakers.
  Qwen3OmniTalker(const StageConfig& config,
                  WeightLoader& weights,
                  Device& device,
                  ipc::Collective* group);
  Result<void> begin(const Request& request) override;
  Result<void> consume(std::uint64_t request,
                       int input,
                       const ipc::TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override;

  static constexpr int tokens_port = 0;  // input

 private:
  const Qwen3Omni& omni_;
  TalkerEmbedding embedding_;
};

}  // namespace limelight::stages
