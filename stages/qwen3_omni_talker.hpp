// The talker of Qwen3-Omni: reads the thinker's tokens, and its states where they stand for sound,
// images and videos, and generates audio codes, one frame in each step of a request. It emits
// chunks of int32 [frames, groups] on its only output, `codes`.
//
// It begins when it knows the first token of the answer, and reads one more token with each frame,
// for which it waits; so the codes do not depend on when tokens come. The first code of a frame is
// sampled from the decoder's output, without the last 1024 codes of the vocabulary but for the one
// that ends the sound. The code predictor gives the others: greedily where the first one is chosen
// so, with top_k 50 and top_p 0.8 otherwise, as in the reference (transformers). As there,
// max_tokens counts first codes, and the last of them, which ends the sound, is no frame.
//
// With a group the decoder is split; projections and code predictor are whole on each rank. An
// answer without text has no frame. Threads: see Stage.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <optional>
#include <vector>

#include "stages/models/code_predictor.hpp"
#include "stages/models/sampler.hpp"
#include "stages/models/talker_inputs.hpp"
#include "stages/models/text_model.hpp"

namespace limelight::stages {

class Qwen3OmniTalker final : public Stage {
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
  Demand demand(std::uint64_t request) const override;
  bool reserve(std::uint64_t request, int tokens) override;
  void preempt(std::uint64_t request) override;
  Result<void> step(std::span<Turn> batch) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;

  static constexpr int tokens_port = 0;  // input
  static constexpr int codes_port = 0;   // output

 private:
  struct Sequence {
    std::string id;
    TalkerInputs inputs;
    SamplingParams sampling;
    std::optional<Sampler> first = {}, others = {};  // once the inputs are ready
    KvCache::Sequence cache = {};
    std::vector<std::int32_t> codes = {};  // of all frames: [frames, groups]
    std::size_t frames = 0, emitted = 0, chunks = 0;
    int rest() const { return inputs.beginning() + static_cast<int>(frames) - cache.position; }
  };
  Result<void> start(Sequence& sequence) const;
  void write_input(const Sequence& sequence, int position, std::span<float> row) const;
  Result<void> sample_frames(std::span<Turn*> turns, std::span<const float> rows);
  void suppress(const Sampler& sampler, std::span<float> logits) const;
  // code: of the first group. Returns whether it ends the sound.
  bool ends(const Sequence& sequence, int code) const;
  Result<StepState> finish_turn(Sequence& sequence, bool last, Output& output) const;

  StageConfig config_;
  const Qwen3Omni& omni_;
  TextModel model_;  // from codes to codes
  KvCache cache_;
  TalkerEmbedding embedding_;
  CodePredictor predictor_;
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
