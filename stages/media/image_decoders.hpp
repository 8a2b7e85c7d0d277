// The parts of read_image(). Each decoder reports by values what its library reports by jumps.
#pragma once

#include <optional>

#include "stages/media/image_file.hpp"

namespace limelight::stages {

struct DecodedImage {
  Image image;
  int orientation = 1;  // as EXIF counts: 1 to 8, 1 is upright
};
// Errors: corrupt, too_large; without the file's name.
Result<DecodedImage> decode_png(std::span<const std::byte> bytes, const ImageLimits& limits);
Result<DecodedImage> decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits);

// An error if a picture of this size is empty or has more pixels than the limit.
std::optional<Error> wrong_size(std::uint64_t width,
                                std::uint64_t height,
                                const ImageLimits& limits);

// The orientation that EXIF data states (Exif 2.32, 4.6.4): a TIFF header and its first directory.
// 1 if it states none, or none that is known.
int exif_orientation(std::span<const std::uint8_t> tiff);
// Turns a picture of that orientation upright.
void turn_upright(Image& image, int orientation);

}  // namespace limelight::stages
