// Reads a picture file: PNG by libpng or JPEG by libjpeg-turbo, as rows of red, green and blue.
//
// What is not stated in three colours of 8 bits becomes so as in the reference (the image
// processors of transformers, which read by Pillow):
//
//   alpha, transparent colours   laid over white
//   grey, palettes               the colours that they stand for
//   16 bits a colour             the upper 8 bits; for grey, Pillow makes nearly all of it white
//   CMYK                         red = (255 - cyan) * (255 - black) / 255 and so on
//   EXIF's orientation           applied: the picture stands upright
//   gamma, colour profiles       not applied
//
// Files are not trusted: the size of the picture is compared with the limits before memory is taken
// for it, and a picture that ends early or has damaged data is an error. The libraries print
// nothing and end nothing. Any thread may call these functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <span>
#include <string>
#include <vector>

namespace limelight::stages {

struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // [height, width, 3]
};

struct ImageLimits {
  std::uint64_t pixels = std::uint64_t{1} << 26;  // reading takes up to 16 bytes for each
  int scans = 200;                                // of a progressive JPEG
};

// name: of the file, for messages. Errors: corrupt (no such file, or a damaged one; the message has
// the reason), too_large (a limit, which the message names).
Result<Image> read_image(std::span<const std::byte> bytes,
                         const std::string& name,
                         const ImageLimits& limits = {});
// Errors: beside those, the ones of MappedFile::open().
Result<Image> read_image(const std::filesystem::path& path, const ImageLimits& limits = {});

}  // namespace limelight::stages
