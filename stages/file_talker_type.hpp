// The type of stages that are talkers from a model's files, which all ask the same of a config: a
// speaker that the model has, and the thinker of the same model as their source. For the sources of
// these stages.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/try.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/weights.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

// The bytes of the largest chunk of codes that such a stage puts out.
inline std::uint64_t largest_codes(const StageConfig& config, int) {
  return static_cast<std::uint64_t>(config.chunks.most_frames(config.codec.chunk_frames)) *
         static_cast<std::uint64_t>(config.codec.codebooks) * sizeof(std::int32_t);
}

// Talker: the stage. family: what ModelFile has of its family. usual_speaker: that of the
// reference's generate(), which a config need not name.
template <class Talker, class Family>
StageType file_talker_type(std::vector<PortType> inputs,
                           std::string usual_speaker,
                           const Family* (ModelFile::*family)() const) {
  const auto speaker_of = [usual_speaker = std::move(usual_speaker)](const StageConfig& config) {
    return config.speaker.empty() ? usual_speaker : config.speaker;
  };
  const auto check = [=](const StageConfig& config, std::span<const Feed> feeds) -> Result<void> {
    const Family& mine = *(*config.model.*family)();
    if (!mine.speakers.contains(speaker_of(config))) {
      std::string names;
      for (const auto& [name, token] : mine.speakers) names += (names.empty() ? "" : ", ") + name;
      return Error{ErrorCode::invalid_argument,
                   "'speaker': found " +
                       (config.speaker.empty() ? "none" : "'" + config.speaker + "'") +
                       ", expected one of " + names};
    }
    for (const Feed& feed : feeds) {
      const Family* source = feed.source->model ? (*feed.source->model.*family)() : nullptr;
      if (source == nullptr || source->thinker_vocab != mine.thinker_vocab ||
          source->thinker_hidden != mine.thinker_hidden)
        return Error{ErrorCode::invalid_argument,
                     "'model': found the talker of " + config.model->path().string() +
                         ", expected stage " + std::to_string(feed.source->stage_id) +
                         " to be the thinker of the same model"};
    }
    return {};
  };
  return {.name = "talker",
          .inputs = std::move(inputs),
          .outputs = {{"codes", "codes"}},
          .loads_models = true,
          .splits = true,
          .reads_chunks = true,
          .check = check,
          .largest_output = largest_codes,
          .weight_bytes = [](const StageConfig&) { return std::uint64_t{0}; },
          .make = [=](const StageConfig& config, Device& device,
                      ipc::Collective* group) -> Result<std::unique_ptr<Stage>> {
            LIMELIGHT_TRY(check(config, {}));
            StageConfig with_speaker = config;
            with_speaker.speaker = speaker_of(config);
            FileWeights weights(config.model);
            return std::unique_ptr<Stage>(
                std::make_unique<Talker>(with_speaker, weights, device, group));
          }};
}

}  // namespace limelight::stages
