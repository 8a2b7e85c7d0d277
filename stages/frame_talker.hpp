// What the talkers of Qwen3-Omni and Qwen3-TTS share: from rows that an input gives to audio codes,
// one frame in each step of a request. It emits chunks of int32 [frames, groups] on its only
// output, `codes`.
//
// The first code of a frame is sampled from the decoder's output, without the last 1024 codes of
// the vocabulary but for the one that ends the sound; the code predictor gives the others. The next
// row is the sum of a frame's embeddings and of what the input adds to it, for which the talker
// waits; so the codes do not depend on when input comes. As in the references, max_tokens counts
// first codes, and the last of them, which ends the sound, is no frame.
//
// With a group the decoder is split; projections and code predictor are whole on each rank. An
// input with nothing to say has no frame. Threads: see Stage.
#pragma once

#include <limelight/stage.hpp>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "stages/models/code_predictor.hpp"
#include "stages/models/frame_inputs.hpp"
#include "stages/models/sampler.hpp"
#include "stages/models/text_model.hpp"

namespace limelight::stages {

class FrameTalker : public Stage {
 public:
  Demand demand(std::uint64_t request) const override;
  bool reserve(std::uint64_t request, int tokens) override;
  void preempt(std::uint64_t request) override;
  Result<void> step(std::span<Turn> batch) override;
  void end(std::uint64_t request) override;
  std::uint64_t tokens_out(std::uint64_t request) const override;

  static constexpr int codes_port = 0;  // output

 protected:
  struct Sequence {
    std::string id = {};
    std::unique_ptr<FrameInputs> inputs = {};
    SamplingParams sampling = {};                       // of first codes
    SamplingParams others = {};                         // of the code predictor's, without the seed
    std::optional<Sampler> first = {}, predicted = {};  // once the inputs are ready
    KvCache::Sequence cache = {};
    std::vector<std::int32_t> codes = {};  // of all frames: [frames, groups]
    std::size_t frames = 0, emitted = 0, chunks = 0;
    std::uint64_t prompt_tokens = 0;  // for the statistics
    bool ended = false;               // by its code; false beside the last frame: by max_tokens
    int rest() const { return inputs->beginning() + static_cast<int>(frames) - cache.position; }
  };
  // shape: of the code predictor. end: the first code that ends a sound. They outlive the stage.
  FrameTalker(const StageConfig& config,
              const CodePredictorShape& shape,
              int end,
              WeightLoader& weights,
              Device& device,
              ipc::Collective* group);

  void add(std::uint64_t request, Sequence sequence);
  Sequence& sequence(std::uint64_t request) { return sequences_.at(request); }
  const Sequence& sequence(std::uint64_t request) const { return sequences_.at(request); }

  StageConfig config_;

 private:
  Result<void> start(Sequence& sequence) const;
  void write_input(const Sequence& sequence, int position, std::span<float> row) const;
  Result<void> sample_frames(std::span<Turn*> turns, std::span<const float> rows);
  void suppress(const Sampler& sampler, std::span<float> logits) const;
  // code: of the first group. Returns whether it ends the sound.
  bool ends(Sequence& sequence, int code) const;
  Result<StepState> finish_turn(Sequence& sequence, bool last, Output& output) const;

  int groups_, end_;
  TextModel model_;  // from codes to codes
  KvCache cache_;
  CodePredictor predictor_;
  std::map<std::uint64_t, Sequence> sequences_;
};

}  // namespace limelight::stages
