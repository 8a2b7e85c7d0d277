#include "stages/devices/blocks.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace limelight::stages {

const BlockFormat& block_format(WeightType type) noexcept {
  static constexpr BlockFormat formats[weight_types] = {
      {"F32", 1, 4},    {"F16", 1, 2},    {"BF16", 1, 2},     {"Q8_0", 32, 34},
      {"Q4_0", 32, 18}, {"Q4_1", 32, 20}, {"Q4_K", 256, 144}, {"Q6_K", 256, 210}};
  return formats[static_cast<std::size_t>(type)];
}

// IEEE 754 binary16.
float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16, exponent = half >> 10 & 31,
                      mantissa = half & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float small = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -small : small;
}

namespace {
template <class T>
T at(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
float half_at(const std::byte* from) noexcept { return half_to_float(at<std::uint16_t>(from)); }
const std::uint8_t* u8(const std::byte* from) noexcept {
  return reinterpret_cast<const std::uint8_t*>(from);
}
}  // namespace

void unpack_blocks(WeightType type, const std::byte* b, std::span<float> to) noexcept {
  const BlockFormat& format = block_format(type);
  float* y = to.data();
  for (std::size_t n = to.size() / format.values; n > 0; --n, b += format.bytes, y += format.values)
    switch (type) {
      case WeightType::f32: y[0] = at<float>(b); break;
      case WeightType::f16: y[0] = half_at(b); break;
      case WeightType::bf16:
        y[0] = std::bit_cast<float>(std::uint32_t{at<std::uint16_t>(b)} << 16);
        break;
      case WeightType::q8_0:  // d, 32 signed bytes
        for (int i = 0; i < 32; ++i)
          y[i] = half_at(b) * static_cast<float>(static_cast<std::int8_t>(u8(b + 2)[i]));
        break;
      case WeightType::q4_0:  // d, 16 bytes: low halves are the first 16 values
        for (int i = 0; i < 16; ++i) {
          y[i] = half_at(b) * static_cast<float>((u8(b + 2)[i] & 15) - 8);
          y[i + 16] = half_at(b) * static_cast<float>((u8(b + 2)[i] >> 4) - 8);
        }
        break;
      case WeightType::q4_1:  // d, m, 16 bytes
        for (int i = 0; i < 16; ++i) {
          y[i] = half_at(b) * static_cast<float>(u8(b + 4)[i] & 15) + half_at(b + 2);
          y[i + 16] = half_at(b) * static_cast<float>(u8(b + 4)[i] >> 4) + half_at(b + 2);
        }
        break;
      case WeightType::q4_k:  // d, dmin, 12 bytes of scales and minima, 128 bytes: each 32 bytes
                              // hold two sub-blocks, low halves first
        for (int j = 0; j < 8; ++j) {
          const ScaleMin s = q4k_scale_min(u8(b + 4), j);
          const float d = half_at(b) * static_cast<float>(s.scale),
                      m = half_at(b + 2) * static_cast<float>(s.min);
          for (int i = 0; i < 32; ++i)
            y[32 * j + i] =
                d * static_cast<float>(u8(b + 16)[32 * (j / 2) + i] >> (4 * (j % 2)) & 15) - m;
        }
        break;
      case WeightType::q6_k:  // 128 bytes of low halves, 64 bytes of high quarters, 16 signed
                              // scales, d
        for (int half = 0; half < 2; ++half)
          for (int i = 0; i < 128; ++i) {
            const int column = i % 32, part = i / 32;
            const int low = u8(b)[64 * half + column + 32 * (part % 2)] >> (4 * (part / 2)) & 15;
            const int high = u8(b + 128)[32 * half + column] >> (2 * part) & 3;
            const auto scale = static_cast<std::int8_t>(u8(b + 192)[8 * half + i / 16]);
            y[128 * half + i] = half_at(b + 208) * static_cast<float>(scale) *
                                static_cast<float>((low | high << 4) - 32);
          }
        break;
    }
}

}  // namespace limelight::stages
