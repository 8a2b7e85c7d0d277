// What a model's files say of the sounds and pictures that it takes: preprocessor_config.json, or
// the objects feature_extractor and image_processor of processor_config.json. Every key is obeyed,
// known to change nothing, or refused by name. Called on one thread, while a stage is made.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>

#include "stages/media/log_mel.hpp"
#include "stages/media/patches.hpp"

namespace limelight::stages {

struct MediaConfig {
  LogMelShape sound;
  PatchShape picture;
};

// folder: of the model. filled: sounds are filled up to chunk_length seconds, as Qwen2.5-Omni's
// processor does, and longer ones are refused; the reference cuts them. Errors: not_found (neither
// file), corrupt, unavailable (another processor than WhisperFeatureExtractor and
// Qwen2VLImageProcessor).
Result<MediaConfig> read_media_config(const std::filesystem::path& folder, bool filled = false);

}  // namespace limelight::stages
