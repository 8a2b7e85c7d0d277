// Cuts a picture into the patches that Qwen's vision encoders read, as Qwen2VLImageProcessor of
// transformers does:
//
//   size      the nearest multiples of patch * merge, with the picture's proportions, such that the
//             pixels are within the limits
//   values    (colour / 255 - mean) / deviation
//   patches   merge x merge neighbours follow each other, and these blocks lie in rows; a patch is
//             [3 colours, temporal, patch, patch], where the frames of a still picture are equal
#pragma once

#include <array>
#include <limelight/result.hpp>
#include <utility>
#include <vector>

#include "stages/media/image_file.hpp"

namespace limelight::stages {

struct PatchShape {
  int patch = 16, merge = 2, temporal = 2;
  std::int64_t min_pixels = 56 * 56, max_pixels = 28 * 28 * 1280;
  bool resize = true, normalise = true;
  double rescale = 1.0 / 255;  // 0: the colours stay 0 to 255
  std::array<double, 3> mean{0.48145466, 0.4578275, 0.40821073},
      deviation{0.26862954, 0.26130258, 0.27577711};
};

struct ImagePatches {
  int rows = 0, cols = 0;     // of patches
  std::vector<float> values;  // [rows * cols, 3 * temporal * patch * patch]
};

// The size that a picture is scaled to: height and width. Errors: invalid_argument (one side is
// more than 200 times the other).
Result<std::pair<int, int>> patched_size(int height, int width, const PatchShape& shape);
// Errors: invalid_argument (as above, or without scaling a size that is no multiple).
Result<ImagePatches> make_patches(const Image& image, const PatchShape& shape);
// Errors: invalid_argument (a number of the shape is out of its range).
Result<void> check(const PatchShape& shape);

}  // namespace limelight::stages
