#include "stages/stage_factory.hpp"

#include <algorithm>

#include "stages/code2wav.hpp"
#include "stages/models/model_file.hpp"
#include "stages/talker.hpp"
#include "stages/thinker.hpp"

namespace limelight::stages {

Result<std::unique_ptr<Stage>> make_stage(const StageConfig& config,
                                          Device& device,
                                          ipc::Collective* group) {
  if (config.model) {
    auto tokenizer = make_bpe_tokenizer(config.model->tokenizer());
    if (!tokenizer)
      return Error{tokenizer.error().code,
                   config.model->path().string() + ": " + tokenizer.error().message};
    FileWeights weights(config.model);
    return std::unique_ptr<Stage>(
        std::make_unique<Thinker>(config, weights, std::move(tokenizer).value(), device, group));
  }
  DummyWeights weights(config.weights_seed);
  if (config.model_stage == "thinker")
    return std::unique_ptr<Stage>(
        std::make_unique<Thinker>(config, weights, make_byte_tokenizer(), device, group));
  if (config.model_stage == "talker")
    return std::unique_ptr<Stage>(std::make_unique<Talker>(config, weights, device, group));
  return std::unique_ptr<Stage>(std::make_unique<Code2Wav>(config, weights, device, group));
}

// The text of one step: a token's bytes, and what was held back of a character.
constexpr std::uint64_t most_text_bytes = 16 * 1024;

std::uint64_t max_output_bytes(const StageConfig& config, Port port) {
  const ModelShape& s = config.shape;
  const auto number = [](int x) { return static_cast<std::uint64_t>(x); };
  if (config.model_stage == "thinker" && port == Port::user) return most_text_bytes;
  if (config.model_stage == "thinker")
    return number(s.max_model_len) * number(s.hidden) * sizeof(float);
  if (config.model_stage == "talker")
    return number(std::max(s.chunk_frames, 1)) * number(s.codebooks) * sizeof(std::int32_t);
  // A chunk of codes becomes one chunk of samples; the talker's chunk_frames is not known here, so
  // both stages state the same.
  return number(s.chunk_frames) * number(Code2Wav::samples_per_frame(s)) * sizeof(float);
}

}  // namespace limelight::stages
