// What the omni models have in common that read sounds and pictures: their encoders, and the tokens
// that stand for a file in a prompt. Plain values.
#pragma once

#include <algorithm>
#include <vector>

#include "stages/models/encoder_config.hpp"

namespace limelight::stages {

struct OmniMedia {
  std::vector<int> placeholders = {};  // for sound, images and videos, in this order
  EncoderConfig encoders = {};
  bool hears = false, sees = false;  // whether the files have the encoders' tensors

  int sound_token() const { return placeholders.at(0); }
  int picture_token() const { return placeholders.at(1); }
  bool is_placeholder(int token) const {
    return std::find(placeholders.begin(), placeholders.end(), token) != placeholders.end();
  }
};

}  // namespace limelight::stages
