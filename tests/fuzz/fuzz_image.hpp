// Reads any bytes as a picture: refused with its name, or pixels within the limits, of which
// patches can be made.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "stages/media/patches.hpp"

namespace fuzz {

inline int read_as_image(const std::uint8_t* data, std::size_t size) {
  using namespace limelight::stages;
  const auto read =
      read_image(std::as_bytes(std::span(data, size)), "a", {.pixels = 1 << 20, .scans = 20});
  if (!read) {
    if (!read.error().message.starts_with("a: ")) std::abort();
    return 0;
  }
  if (read->width < 1 || read->height < 1 ||
      read->rgb.size() != std::size_t{3} * static_cast<std::size_t>(read->width) *
                              static_cast<std::size_t>(read->height))
    std::abort();
  (void)make_patches(*read, {.min_pixels = 1, .max_pixels = 4096});
  return 0;
}

}  // namespace fuzz
