// The shape of a code predictor, as config.json states it. A plain value.
#pragma once

#include <limelight/shape.hpp>

namespace limelight::stages {

struct CodePredictorShape {
  int groups = 0;             // of codes in a frame
  int width = 0;              // of the talker's rows, and of the embeddings of codes
  DecoderShape decoder = {};  // of all groups but the first
};

}  // namespace limelight::stages
