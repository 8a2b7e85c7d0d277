// The shapes of Qwen3-Omni's encoders, and how its config.json states them: the objects
// audio_config and vision_config of thinker_config. Every key is obeyed, known to change nothing,
// or refused by name.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "stages/models/architectures.hpp"

namespace limelight::stages {

struct AudioEncoderShape {
  int mels = 128, channels = 480;  // channels: of the convolutions
  int layers = 32, heads = 20, hidden = 1280, mlp = 5120, out = 3584;
  int window = 50;      // 2 * window frames are convolved together
  int attention = 800;  // frames that attend to each other
  int head_dim() const { return hidden / heads; }
  int bands() const { return (((mels + 1) / 2 + 1) / 2 + 1) / 2; }  // after the convolutions
  // Of a sound of so many frames.
  int tokens(int frames) const;
};

struct VisionEncoderShape {
  int layers = 27, heads = 16, hidden = 1152, mlp = 4304, out = 3584;
  int channels = 3, patch = 16, temporal = 2, merge = 2;
  int side = 48;  // of the square of learned positions
  double rope_base = 10'000;
  std::vector<int> deepstack{8, 16, 24};  // layers whose outputs the decoder gets as well
  int head_dim() const { return hidden / heads; }
  int values() const { return channels * temporal * patch * patch; }  // of a patch
  int merged() const { return hidden * merge * merge; }
};

struct EncoderConfig {
  AudioEncoderShape audio;
  VisionEncoderShape vision;
};

// config_json: of a model of type qwen3_omni_moe. Errors: not_found, corrupt, unavailable.
Result<EncoderConfig> read_encoder_config(const std::filesystem::path& config_json);

// All tensors of an encoder, after the prefix thinker.audio_tower. or thinker.visual. and without
// ".weight"; those of convolutions with the rows and columns that ModelFile gives them.
std::vector<ExpectedTensor> tensors_of(const AudioEncoderShape& shape);
std::vector<ExpectedTensor> tensors_of(const VisionEncoderShape& shape);

}  // namespace limelight::stages
