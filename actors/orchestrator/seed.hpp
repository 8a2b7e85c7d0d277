// The seeds of requests that bring none. Any thread may call it.
#pragma once

#include <cstdint>
#include <random>

namespace limelight::actors {

// 53 bits: as many as a number of JSON keeps in every reader.
inline std::uint64_t draw_seed() {
  std::random_device random;  // the kernel's
  return (std::uint64_t{random()} << 32 | random()) >> 11;
}

}  // namespace limelight::actors
