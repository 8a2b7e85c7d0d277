#include <algorithm>

#include "stages/media/image_decoders.hpp"

namespace limelight::stages {

int exif_orientation(std::span<const std::uint8_t> tiff) {
  if (tiff.size() < 8) return 1;
  const bool little = tiff[0] == 'I' && tiff[1] == 'I';
  if (!little && !(tiff[0] == 'M' && tiff[1] == 'M')) return 1;
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value = value << 8 | tiff[little ? at + bytes - 1 - i : at + i];
    return value;
  };
  const std::size_t directory = number(4, 4);
  if (number(2, 2) != 42 || directory > tiff.size() - 2) return 1;
  const std::size_t entries =
      std::min<std::size_t>(number(directory, 2), (tiff.size() - directory - 2) / 12);
  for (std::size_t e = 0; e < entries; ++e) {
    const std::size_t at = directory + 2 + 12 * e;
    constexpr std::uint32_t orientation = 0x0112, of_16_bits = 3;
    if (number(at, 2) != orientation || number(at + 2, 2) != of_16_bits) continue;
    const std::uint32_t value = number(at + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void turn_upright(Image& image, int orientation) {
  if (orientation == 1) return;
  // From the upright picture's rows and columns to those in the file: 2 to 4 mirror, 5 to 8 swap
  // rows and columns as well.
  const bool swapped = orientation >= 5;
  const bool from_right =
                 orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8,
             from_below =
                 orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image upright{swapped ? image.height : image.width, swapped ? image.width : image.height, {}};
  upright.rgb.resize(image.rgb.size());
  auto to = upright.rgb.begin();
  for (int y = 0; y < upright.height; ++y)
    for (int x = 0; x < upright.width; ++x) {
      int column = swapped ? y : x, row = swapped ? x : y;
      if (from_right) column = image.width - 1 - column;
      if (from_below) row = image.height - 1 - row;
      const auto from = static_cast<std::ptrdiff_t>(row) * image.width + column;
      to = std::copy_n(image.rgb.begin() + 3 * from, 3, to);
    }
  image = std::move(upright);
}

}  // namespace limelight::stages
