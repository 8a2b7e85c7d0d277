// The shapes of the encoders of Qwen2.5-Omni and Qwen3-Omni, and how config.json states them: the
// objects audio_config and vision_config of thinker_config. Every key is obeyed, known to change
// nothing, or refused by name.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "stages/models/architectures.hpp"

namespace limelight::stages {

class ConfigKeys;

struct AudioEncoderShape {
  // That of Qwen2.5-Omni: two convolutions over time, attention among the rows of a chunk, and the
  // mean of each two rows; `channels` and `attention` are not its.
  bool pooled = false;
  int mels = 128, channels = 480;  // channels: of the convolutions
  int layers = 32, heads = 20, hidden = 1280, mlp = 5120, out = 3584;
  int window = 50;      // 2 * window frames are convolved together
  int attention = 800;  // frames that attend to each other
  int head_dim() const { return hidden / heads; }
  int bands() const { return (((mels + 1) / 2 + 1) / 2 + 1) / 2; }  // after the convolutions
  // Of a sound of so many frames.
  int tokens(int frames) const;
  // A longer sound has more tokens than these.
  int most_frames(int tokens) const;
};

struct VisionEncoderShape {
  // That of Qwen2.5-Omni: no learned positions, gated feed-forward networks, RMS norms, and
  // attention among the patches of a window of so many pixels each way, but for the `full` layers;
  // `side` and `deepstack` are not its. 0: that of Qwen3-Omni.
  int window = 0;
  std::vector<int> full = {};
  int layers = 27, heads = 16, hidden = 1152, mlp = 4304, out = 3584;
  int channels = 3, patch = 16, temporal = 2, merge = 2;
  int side = 48;  // of the square of learned positions
  double rope_base = 10'000;
  std::vector<int> deepstack{8, 16, 24};  // layers whose outputs the decoder gets as well
  int head_dim() const { return hidden / heads; }
  int values() const { return channels * temporal * patch * patch; }  // of a patch
  int merged() const { return hidden * merge * merge; }
  int window_side() const { return window / merge / patch; }  // in merged patches
};

struct EncoderConfig {
  AudioEncoderShape audio;
  VisionEncoderShape vision;
};

// config_json: of a model of type qwen2_5_omni or qwen3_omni_moe. Errors: not_found, corrupt,
// unavailable.
Result<EncoderConfig> read_encoder_config(const std::filesystem::path& config_json);
// The same for the reader of a whole model. keys: of thinker_config, whose decoder reads rows of
// `hidden` numbers. Throws a ModelRefusal.
EncoderConfig read_encoders(ConfigKeys& keys, int hidden);

// All tensors of an encoder, after the prefix thinker.audio_tower. or thinker.visual. and without
// ".weight"; those of convolutions with the rows and columns that ModelFile gives them.
std::vector<ExpectedTensor> tensors_of(const AudioEncoderShape& shape);
std::vector<ExpectedTensor> tensors_of(const VisionEncoderShape& shape);

}  // namespace limelight::stages
