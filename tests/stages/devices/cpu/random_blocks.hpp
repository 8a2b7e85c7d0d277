// Random weights of every type, for tests.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "stages/devices/blocks.hpp"

namespace limelight::tests {

// `count` weights, a whole number of blocks. Scales, wherever a type has them, and plain numbers
// are of a sensible size.
inline std::vector<std::byte> random_blocks(stages::WeightType type,
                                            std::size_t count,
                                            unsigned seed = 3) {
  using stages::WeightType;
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> spread(-1, 1);
  const stages::BlockFormat& format = stages::block_format(type);
  std::vector<std::byte> w(count / format.values * format.bytes);
  for (std::byte& b : w) b = static_cast<std::byte>(random());
  for (std::size_t at = 0; at < w.size(); at += format.bytes) {
    const auto small = static_cast<std::uint16_t>(0x2000 | (random() & 0x3ff));  // about 0.01
    const float number = spread(random);
    if (type == WeightType::f32) std::memcpy(&w[at], &number, 4);
    else if (type == WeightType::bf16) w[at + 1] = std::byte{0x3e};
    else if (type == WeightType::q6_k) std::memcpy(&w[at + 208], &small, 2);
    else std::memcpy(&w[at], &small, 2);
    if (type == WeightType::q4_1 || type == WeightType::q4_k) std::memcpy(&w[at + 2], &small, 2);
  }
  return w;
}

}  // namespace limelight::tests
