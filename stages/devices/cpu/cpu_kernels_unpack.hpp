// The part of cpu_kernels_impl.hpp that unpacks one block of weights.
#pragma once

#include <cmath>
#include <cstring>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/cpu_kernels_floats.hpp"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace limelight::stages {

namespace {

// Whether weights of a type are scale * q + offset, with an offset that is not part of q.
constexpr bool has_rest(WeightType type) {
  return type != WeightType::q8_0 && type != WeightType::q6_k;
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
#if defined(__AVX2__)
float half_at(const std::byte* from) { return _cvtsh_ss(load<std::uint16_t>(from)); }
#else
float half_at(const std::byte* from) { return half_to_float(load<std::uint16_t>(from)); }
#endif

// 32 weights, each scale * q + offset, where q is a byte. In q6_k each half has its own factor:
// weight = factor[half] * (scale * q + offset).
struct Block {
#if defined(__AVX2__)
  __m256i q;
#else
  std::uint8_t q[32];
#endif
  float scale = 0, offset = 0;
  std::int32_t factor[2] = {1, 1};
};

#if defined(__AVX2__)
__m256i nibbles(const std::byte* from) {  // low halves, then high halves
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes), _mm256_set1_epi8(15));
}
#endif

template <WeightType type>
Block block_at(const std::byte* w, std::size_t block) {
  Block b;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(w);
  if constexpr (type == WeightType::q4_0 || type == WeightType::q4_1) {
    constexpr std::size_t head = type == WeightType::q4_0 ? 2 : 4;
    const std::byte* at = w + block * (head + 16);
    b.scale = half_at(at);
    b.offset = type == WeightType::q4_0 ? -8 * b.scale : half_at(at + 2);
#if defined(__AVX2__)
    b.q = nibbles(at + head);
#else
    for (int i = 0; i < 16; ++i) {
      b.q[i] = static_cast<std::uint8_t>(at[head + static_cast<std::size_t>(i)]) & 15;
      b.q[i + 16] = static_cast<std::uint8_t>(at[head + static_cast<std::size_t>(i)]) >> 4;
    }
#endif
  } else if constexpr (type == WeightType::q8_0) {  // signed: see dot32()
    const std::byte* at = w + block * 34;
    b.scale = half_at(at);
#if defined(__AVX2__)
    b.q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 2));
#else
    std::memcpy(b.q, at + 2, 32);
#endif
  } else if constexpr (type == WeightType::q4_k) {
    const std::byte* at = w + block / 8 * 144;
    const int j = static_cast<int>(block % 8);
    const ScaleMin s = q4k_scale_min(reinterpret_cast<const std::uint8_t*>(at + 4), j);
    b.scale = half_at(at) * static_cast<float>(s.scale);
    b.offset = -half_at(at + 2) * static_cast<float>(s.min);
    const std::byte* from = at + 16 + 32 * (j / 2);
#if defined(__AVX2__)
    const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    b.q = _mm256_and_si256(j % 2 != 0 ? _mm256_srli_epi16(both, 4) : both, _mm256_set1_epi8(15));
#else
    for (int i = 0; i < 32; ++i) b.q[i] = static_cast<std::uint8_t>(from[i]) >> (4 * (j % 2)) & 15;
#endif
  } else {
    const std::uint8_t* at = bytes + block / 8 * 210;
    const std::size_t half = block % 8 / 4, part = block % 4;
    const std::uint8_t *low = at + 64 * half + 32 * (part % 2), *high = at + 128 + 32 * half;
    const auto* factors = reinterpret_cast<const std::int8_t*>(at + 192) + 8 * half + 2 * part;
    b.scale = half_at(w + block / 8 * 210 + 208);
    b.offset = -32 * b.scale;
    b.factor[0] = factors[0];
    b.factor[1] = factors[1];
#if defined(__AVX2__)
    const __m256i l = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(low)),
                  h = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(high));
    const __m256i lows =
        _mm256_and_si256(part >= 2 ? _mm256_srli_epi16(l, 4) : l, _mm256_set1_epi8(15));
    const __m256i highs = _mm256_and_si256(
        _mm256_srl_epi16(h, _mm_cvtsi32_si128(static_cast<int>(2 * part))), _mm256_set1_epi8(3));
    b.q = _mm256_or_si256(lows, _mm256_slli_epi16(highs, 4));
#else
    for (int i = 0; i < 32; ++i)
      b.q[i] = static_cast<std::uint8_t>((low[i] >> (4 * (part / 2)) & 15) |
                                         (high[i] >> (2 * part) & 3) << 4);
#endif
  }
  return b;
}

// Converts half a block to floats. Each weight is rounded once, in every build.
template <WeightType type>
Sixteen widen_half(const Block& b, int half) {
  const auto factor = static_cast<float>(b.factor[half]);
  const float scale = b.scale * factor, offset = b.offset * factor;
#if defined(__AVX2__)
  const __m128i bytes = half == 0 ? _mm256_castsi256_si128(b.q) : _mm256_extracti128_si256(b.q, 1);
  const auto eight = [&](__m128i from) {
    const __m256i whole =
        type == WeightType::q8_0 ? _mm256_cvtepi8_epi32(from) : _mm256_cvtepu8_epi32(from);
    return _mm256_fmadd_ps(_mm256_set1_ps(scale), _mm256_cvtepi32_ps(whole),
                           _mm256_set1_ps(offset));
  };
  return Sixteen::halves(eight(bytes), eight(_mm_srli_si128(bytes, 8)));
#else
  Sixteen sixteen;
  for (int i = 0; i < 16; ++i) {
    const std::uint8_t q = b.q[16 * half + i];
    sixteen.v[i] =
        __builtin_fmaf(scale,
                       type == WeightType::q8_0 ? static_cast<float>(static_cast<std::int8_t>(q))
                                                : static_cast<float>(q),
                       offset);
  }
  return sixteen;
#endif
}

}  // namespace

}  // namespace limelight::stages
