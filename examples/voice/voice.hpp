// The two stage types of this library: `phonemes` turns a text that comes piece by piece, or with
// `reads: prompt` the prompt, into ids of phonemes, a chunk for each sentence; `voice` speaks them.
#pragma once

#include <limelight/plugin.hpp>

namespace voice {

// Of a chunk, about 40 s of speech: a longer sentence is spoken in several.
inline constexpr std::size_t most_ids = 1024;

limelight::stages::PluginType phonemes_type();
limelight::stages::PluginType voice_type();
// The path of the ONNX file that the option `voice` names; one that begins with "~cache/" is in the
// folder of fetched models.
std::filesystem::path voice_path(const limelight::stages::PluginConfig& config);

}  // namespace voice
