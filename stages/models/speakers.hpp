// Who can speak in a Qwen2.5-Omni: speakers.safetensors in its folder, which
// stages/models/convert_speakers.py makes of the published spk_dict.pt, a pickle. It has for each
// name, float32:
//
//   <name>.bos_token   [1]: the token of the thinker's vocabulary that a text begins with
//   <name>.cond        [1, width]: what the sound is conditioned by
//   <name>.ref_mel     [1, frames, bands]: the log-mel spectrogram of a sample of the voice
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace limelight::stages {

// The tokens. Throws a ModelRefusal (no such file, no token below vocab).
std::map<std::string, int> read_speakers(const std::filesystem::path& folder, int vocab);

struct Voice {
  std::vector<float> embedding;  // [width]
  std::vector<float> mel;        // [frames, bands]
  int frames = 0;
};
// The voices. Throws a ModelRefusal (no such file; a voice without one of its tensors, of another
// shape, or with fewer than least_frames).
std::map<std::string, Voice> read_voices(const std::filesystem::path& folder,
                                         int width,
                                         int bands,
                                         int least_frames);

}  // namespace limelight::stages
