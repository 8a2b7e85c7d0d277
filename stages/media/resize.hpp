// Scales pictures of 8 bits a colour by cubic interpolation with antialiasing, to the bits of what
// the reference's image processors get from torchvision (torch's upsample_bicubic2d_aa for uint8):
// rows first, then columns, each rounded to 8 bits, with weights rounded to 16 bits.
#pragma once

#include "stages/media/image_file.hpp"

namespace limelight::stages {

// width, height: of the result, 1 or more.
Image resize_cubic(const Image& image, int width, int height);

}  // namespace limelight::stages
