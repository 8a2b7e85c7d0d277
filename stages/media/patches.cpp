#include "stages/media/patches.hpp"

#include <algorithm>
#include <cmath>

#include "base/try.hpp"
#include "stages/media/resize.hpp"

namespace limelight::stages {

Result<void> check(const PatchShape& s) {
  const auto wrong = [](const char* what, std::int64_t found, std::int64_t least,
                        std::int64_t most) {
    return Error{ErrorCode::invalid_argument,
                 std::string(what) + ": found " + std::to_string(found) + ", expected " +
                     std::to_string(least) + " to " + std::to_string(most)};
  };
  constexpr std::int64_t most_pixels = std::int64_t{1} << 26;
  if (s.patch < 1 || s.patch > 256) return wrong("patch_size", s.patch, 1, 256);
  if (s.merge < 1 || s.merge > 16) return wrong("merge_size", s.merge, 1, 16);
  if (s.temporal < 1 || s.temporal > 16) return wrong("temporal_patch_size", s.temporal, 1, 16);
  if (s.min_pixels < 1 || s.min_pixels > most_pixels)
    return wrong("min_pixels", s.min_pixels, 1, most_pixels);
  if (s.max_pixels < s.min_pixels || s.max_pixels > most_pixels)
    return wrong("max_pixels", s.max_pixels, s.min_pixels, most_pixels);
  for (const double deviation : s.deviation)
    if (!(deviation > 0))
      return Error{ErrorCode::invalid_argument, "image_std: expected numbers above 0"};
  return {};
}

Result<std::pair<int, int>> patched_size(int height, int width, const PatchShape& shape) {
  if (std::max(height, width) > 200LL * std::min(height, width))
    return Error{ErrorCode::invalid_argument, "found " + std::to_string(width) + " x " +
                                                  std::to_string(height) +
                                                  " pixels, expected sides of which one is at most "
                                                  "200 times the other"};
  const int factor = shape.patch * shape.merge;
  const auto down = [&](double side) { return std::floor(side / factor) * factor; };
  const auto up = [&](double side) { return std::ceil(side / factor) * factor; };
  // Halves go to the even number.
  double h = std::nearbyint(static_cast<double>(height) / factor) * factor,
         w = std::nearbyint(static_cast<double>(width) / factor) * factor;
  const double pixels = static_cast<double>(height) * width;
  if (h * w > static_cast<double>(shape.max_pixels)) {
    const double beta = std::sqrt(pixels / static_cast<double>(shape.max_pixels));
    h = std::max<double>(factor, down(height / beta));
    w = std::max<double>(factor, down(width / beta));
  } else if (h * w < static_cast<double>(shape.min_pixels)) {
    const double beta = std::sqrt(static_cast<double>(shape.min_pixels) / pixels);
    h = up(height * beta);
    w = up(width * beta);
  }
  return std::pair(static_cast<int>(h), static_cast<int>(w));
}

Result<ImagePatches> make_patches(const Image& original, const PatchShape& shape) {
  const int factor = shape.patch * shape.merge;
  Image scaled;
  if (shape.resize) {
    const auto size = patched_size(original.height, original.width, shape);
    if (!size) return size.error();
    if (size->first != original.height || size->second != original.width)
      scaled = resize_cubic(original, size->second, size->first);
  } else if (original.height % factor != 0 || original.width % factor != 0) {
    return Error{ErrorCode::invalid_argument,
                 "found " + std::to_string(original.width) + " x " +
                     std::to_string(original.height) + " pixels, expected multiples of " +
                     std::to_string(factor) + ", as do_resize is false"};
  }
  const Image& image = scaled.rgb.empty() ? original : scaled;
  // The value of each colour, in float32 as the reference computes it.
  std::array<std::array<float, 256>, 3> values{};
  for (std::size_t c = 0; c < 3; ++c) {
    const auto one = static_cast<float>(shape.rescale > 0 ? 1 / shape.rescale : 1);
    const float mean = static_cast<float>(shape.mean[c]) * one,
                deviation = static_cast<float>(shape.deviation[c]) * one;
    for (std::size_t v = 0; v < 256; ++v) {
      const auto colour = static_cast<float>(v);
      values[c][v] = shape.normalise     ? (colour - mean) / deviation
                     : shape.rescale > 0 ? colour * static_cast<float>(shape.rescale)
                                         : colour;
    }
  }
  ImagePatches out{image.height / shape.patch, image.width / shape.patch, {}};
  const int p = shape.patch, m = shape.merge;
  out.values.reserve(image.rgb.size() * static_cast<std::size_t>(shape.temporal));
  for (int block = 0; block < out.rows / m * (out.cols / m); ++block)
    for (int inner = 0; inner < m * m; ++inner) {
      const int top = (block / (out.cols / m) * m + inner / m) * p,
                left = (block % (out.cols / m) * m + inner % m) * p;
      for (std::size_t c = 0; c < 3; ++c)
        for (int t = 0; t < shape.temporal; ++t)
          for (int y = 0; y < p; ++y)
            for (int x = 0; x < p; ++x)
              out.values.push_back(
                  values[c][image.rgb[3 * (static_cast<std::size_t>(top + y) *
                                               static_cast<std::size_t>(image.width) +
                                           static_cast<std::size_t>(left + x)) +
                                      c]]);
    }
  return out;
}

}  // namespace limelight::stages
