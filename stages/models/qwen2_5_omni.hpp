// Qwen2.5-Omni as its config.json states it, beside the shapes of its decoders: which tokens mean
// what, and who can speak. Plain values, with the names of transformers
// (models/qwen2_5_omni/configuration_qwen2_5_omni.py). The folder has several networks, the parts;
// a stage opens one of them:
//
//   part     networks and their tensors here
//   thinker  the text decoder: embed_tokens, layers.<n>., norm, lm_head; the encoders, as
//            tensors_of() names their tensors: audio_tower., visual.
//   talker   the decoder of codes: layers.<n>., norm, lm_head (codec_head); embed_tokens, which is
//            as wide as the thinker; input_projection (thinker_to_talker_proj);
//            thinker.embed_tokens
//
// What makes sound of codes has a model of its own: token2wav_model.hpp. A folder without one of
// the encoders serves texts alone.
#pragma once

#include <map>
#include <string>

#include "stages/models/omni_media.hpp"

namespace limelight::stages {

struct Qwen25Omni : OmniMedia {
  int thinker_hidden = 0, thinker_vocab = 0;
  // The rest is the talker's; false: the model has none.
  bool speaks = false;
  int text_end = 0, text_pad = 0;  // of the thinker's vocabulary
  // Of the talker's vocabulary:
  int codec_bos = 0, codec_eos = 0, codec_pad = 0, codec_mask = 0;
  // The token of the thinker's vocabulary that a speaker's text begins with.
  std::map<std::string, int> speakers = {};
};

}  // namespace limelight::stages
