// Qwen2.5-Omni as its config.json states it, beside the shapes of its decoders: which tokens mean
// what, and who can speak. Plain values, with the names of transformers
// (models/qwen2_5_omni/configuration_qwen2_5_omni.py). The folder has several networks, the parts;
// a stage opens one of them:
//
//   part     networks and their tensors here
//   thinker  the text decoder: embed_tokens, layers.<n>., norm, lm_head
//   talker   the decoder of codes: layers.<n>., norm, lm_head (codec_head); embed_tokens, which is
//            as wide as the thinker; input_projection (thinker_to_talker_proj);
//            thinker.embed_tokens
//
// The encoders of sound and vision (thinker.audio_tower, thinker.visual) and what makes sound of
// codes (token2wav) are known and not loaded.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace limelight::stages {

struct Qwen25Omni {
  int thinker_hidden = 0, thinker_vocab = 0;
  // The rest is the talker's; false: the model has none.
  bool speaks = false;
  int text_end = 0, text_pad = 0;  // of the thinker's vocabulary
  // Of the talker's vocabulary:
  int codec_bos = 0, codec_eos = 0, codec_pad = 0, codec_mask = 0;
  // The token of the thinker's vocabulary that a speaker's text begins with.
  std::map<std::string, int> speakers = {};
};

// The speakers of a folder, from speakers.safetensors: a float32 tensor <name>.bos_token of one
// value for each (convert_speakers.py makes the file of the published spk_dict.pt, which is a
// pickle). Throws a ModelRefusal (no such file, no token below vocab).
std::map<std::string, int> read_speakers(const std::filesystem::path& folder, int vocab);

}  // namespace limelight::stages
