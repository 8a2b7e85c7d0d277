// The file beside a Piper voice, such as voice.onnx.json: rate, names of phonemes, scales.
// Errors: invalid_argument, with the option, the file and the key at fault.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace voice {

struct VoiceFile {
  int sample_rate = 0;       // Hz
  std::string espeak_voice;  // such as "en-us"
  float length_scale = 1;
  std::map<std::string, std::vector<std::int32_t>> ids;  // by phoneme, a character of IPA
};

// text: the contents. name: of the file, for errors.
limelight::Result<VoiceFile> parse_voice_file(const std::string& text, const std::string& name);
// path: of the ONNX file; ".json" is added to it.
limelight::Result<VoiceFile> read_voice_file(const std::filesystem::path& path);

struct Ids {
  std::vector<std::vector<std::int32_t>> parts;  // each has `most` ids or fewer
  std::vector<std::string> unknown;              // characters that the voice lacks: left out
};
// As Piper does (phoneme_ids.py of piper-tts): the phonemes decomposed (NFD), so that an accent is
// one of its own; ^ _ then each phoneme and _, then $. A sentence that has more ids than `most`,
// which is 64 or more, is cut at its last blank before, or else where the limit is. phonemes:
// UTF-8.
Ids ids_of(const VoiceFile& voice, std::string_view phonemes, std::size_t most);

}  // namespace voice
