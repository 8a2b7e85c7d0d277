// Qwen3-Omni as its config.json states it, beside the shapes of its decoders: which tokens mean
// what, and what its talker reads of its thinker. Plain values, with the names of transformers
// (models/qwen3_omni_moe/configuration_qwen3_omni_moe.py). The folder has several networks, the
// parts; a stage opens one of them:
//
//   part     networks and their tensors here
//   thinker  the text decoder: embed_tokens, layers.<n>., norm, lm_head; the encoders, as
//            tensors_of() names their tensors: audio_tower., visual.
//   talker   the decoder of codes: embed_tokens (codec_embedding), layers.<n>., norm, lm_head
//            (codec_head); text_projection.fc1, .fc2, hidden_projection.fc1, .fc2; the code
//            predictor: predictor.layers.<n>., predictor.norm, predictor.embed.<n> and
//            predictor.head.<n>, one of each for every group but the first; thinker.embed_tokens
//
// A folder without one of the encoders serves texts alone.
#pragma once

#include <map>
#include <string>

#include "stages/models/code_predictor_shape.hpp"
#include "stages/models/omni_media.hpp"

namespace limelight::stages {

struct Qwen3Omni : OmniMedia {
  // Of the thinker's vocabulary:
  int im_start = 0, user = 0, assistant = 0;
  int tts_bos = 0, tts_eos = 0, tts_pad = 0;
  int thinker_hidden = 0, thinker_vocab = 0;
  // The rest is the talker's; false: the model has none.
  bool speaks = false;
  // The thinker's states that the talker reads at placeholders: those after so many layers. 0: its
  // embeddings; all of them: its normalised output.
  int accept_layer = 0;
  // Of the talker's vocabulary:
  int codec_bos = 0, codec_eos = 0, codec_pad = 0;
  int codec_nothink = 0, codec_think_bos = 0, codec_think_eos = 0;
  std::map<std::string, int> speakers = {};  // in lower case
  CodePredictorShape predictor = {};
};

}  // namespace limelight::stages
