// The two stage types of this library: `phonemes` turns a text that comes piece by piece into ids
// of phonemes, a chunk for each sentence; `voice` speaks them.
#pragma once

#include <limelight/plugin.hpp>

namespace voice {

inline constexpr std::size_t most_ids = 4096;  // of a chunk

limelight::stages::PluginType phonemes_type();
limelight::stages::PluginType voice_type();
// The path of the ONNX file that the option `voice` names; one that begins with "~cache/" is in the
// folder of fetched models.
std::filesystem::path voice_path(const limelight::stages::PluginConfig& config);

}  // namespace voice
