// The talker of Qwen3-TTS: reads the text of a request, and who speaks it in which language and by
// which instructions (SamplingParams::speech), and generates audio codes (FrameTalker has how). It
// is the first stage of its pipeline and has no input edges.
//
// A prompt is the text to speak; a special token in it stays text. Tokens of a prompt are those of
// a text in tts_template. A conversation is refused, and so is a prompt that stands for itself.
// Where first codes are chosen greedily, all of a frame are; else those of the code predictor are
// sampled as generation_config.json says (subtalker_...). Threads: see Stage.
#pragma once

#include "stages/frame_talker.hpp"
#include "stages/models/tokenizer.hpp"
#include "stages/models/tts_inputs.hpp"

namespace limelight::stages {

class Qwen3TtsTalker final : public FrameTalker {
 public:
  // config.model is a Qwen3-TTS, and config.speaker is one of its speakers, if it has any.
  Qwen3TtsTalker(const StageConfig& config,
                 WeightLoader& weights,
                 std::unique_ptr<Tokenizer> tokenizer,
                 Device& device,
                 ipc::Collective* group);
  Result<void> begin(const Request& request) override;
  AnswerInfo answer(std::uint64_t request) const override;

 private:
  Result<std::vector<int>> tokens_of(const Request& request) const;
  Result<std::vector<int>> instructions_of(const std::string& text) const;

  const Qwen3Tts& tts_;
  std::unique_ptr<Tokenizer> tokenizer_;
  TtsEmbedding embedding_;
};

}  // namespace limelight::stages
