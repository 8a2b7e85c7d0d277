// The formats of weights in model files: plain numbers, or blocks that share a scale. The blocks
// are those of ggml, as the GGUF specification and ggml's block structs define them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace limelight::stages {

enum class WeightType : std::uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1, q4_k, q6_k };
constexpr std::size_t weight_types = 8;

struct BlockFormat {
  const char* name;
  std::uint32_t values;  // in one block; a row has a whole number of blocks
  std::uint32_t bytes;
};
const BlockFormat& block_format(WeightType type) noexcept;

float half_to_float(std::uint16_t half) noexcept;
// Unpacks as many whole blocks as `to` has room for.
void unpack_blocks(WeightType type, const std::byte* blocks, std::span<float> to) noexcept;

// The scale and the minimum of sub-block j (0 to 7) of a q4_k block: 6 bits each, packed in 12
// bytes.
struct ScaleMin {
  std::uint8_t scale, min;
};
inline ScaleMin q4k_scale_min(const std::uint8_t* packed, int j) noexcept {
  if (j < 4)
    return {static_cast<std::uint8_t>(packed[j] & 63),
            static_cast<std::uint8_t>(packed[j + 4] & 63)};
  return {static_cast<std::uint8_t>((packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4),
          static_cast<std::uint8_t>((packed[j + 4] >> 4) | (packed[j] >> 6) << 4)};
}

}  // namespace limelight::stages
