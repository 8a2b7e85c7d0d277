// Qwen3-TTS as its config.json states it, beside the shapes of its decoders: which tokens and codes
// mean what, who can speak, and in which languages. Plain values, with the names of qwen-tts 0.1.1
// (PyPI, core/models/configuration_qwen3_tts.py). The folder has one network beside its code2wav,
// the part "talker":
//
//   the decoder of codes: embed_tokens (codec_embedding), layers.<n>., norm, lm_head (codec_head);
//   text.embed_tokens (text_embedding), text_projection.fc1, .fc2; the code predictor:
//   predictor.layers.<n>., predictor.norm, predictor.embed.<n> and predictor.head.<n>, one of each
//   for every group but the first, and predictor.projection where it has a width of its own
#pragma once

#include <limelight/config.hpp>
#include <map>
#include <string>

#include "stages/models/code_predictor_shape.hpp"

namespace limelight::stages {

struct Qwen3Tts {
  // CustomVoice: one of `speakers`. If not, VoiceDesign: as instructions say.
  bool has_speakers = false;
  bool takes_instructions = true;
  int text_hidden = 0, text_vocab = 0;
  // Of the text's vocabulary:
  int tts_bos = 0, tts_eos = 0, tts_pad = 0;
  // Of the talker's vocabulary:
  int codec_bos = 0, codec_eos = 0, codec_pad = 0;
  int codec_think = 0, codec_nothink = 0, codec_think_bos = 0, codec_think_eos = 0;
  // All in lower case. Languages include dialects, which only a speaker has.
  std::map<std::string, int> speakers = {}, languages = {};
  std::map<std::string, std::string> dialects = {};  // by speaker
  CodePredictorShape predictor = {};
  SamplingParams subtalker = {};  // how the code predictor chooses where first codes are sampled
};

}  // namespace limelight::stages
