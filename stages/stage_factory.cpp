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

std::uint64_t max_output_bytes(const StageConfig& config) {
  const ModelShape& s = config.shape;
  const auto number = [](int x) { return static_cast<std::uint64_t>(x); };
  if (config.model_stage == "thinker")
    return number(s.max_model_len) * number(s.hidden) * sizeof(float);
  if (config.model_stage == "talker")
    return number(std::max(s.chunk_frames, 1)) * number(s.codebooks) * sizeof(std::int32_t);
  // code2wav makes one chunk of samples from each chunk of codes. It does not see the config of the
  // talker, so its own chunk_frames must be at least the talker's; parse() checks that.
  return number(s.chunk_frames) * number(Code2Wav::samples_per_frame(s)) * sizeof(float);
}

}  // namespace limelight::stages
