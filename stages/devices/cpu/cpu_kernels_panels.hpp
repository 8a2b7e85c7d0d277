// The part of cpu_kernels_impl.hpp that unpacks a block of eight rows of weights at once, with
// vectors.
#pragma once

#if defined(__AVX2__)

#include <immintrin.h>

#include <cstring>

#include "stages/devices/cpu/cpu_kernels.hpp"

namespace limelight::stages {

namespace {

// One block of 32 columns of eight rows of weights.
struct Panel {
  __m256i q[8];    // q[i]: columns 4 i to 4 i + 3 of each row, as unsigned bytes; q8_0: signed
  __m256 scale;    // of each row
  __m256i second;  // q4: the offset of each row; q6_k: the factors of its halves, 16 bits each
};
#define LIMELIGHT_ALWAYS __attribute__((always_inline))
#define LIMELIGHT_INLINE LIMELIGHT_ALWAYS inline

LIMELIGHT_INLINE __m256i and8(__m256i v, int mask) {
  return _mm256_and_si256(v, _mm256_set1_epi8(static_cast<char>(mask)));
}
LIMELIGHT_INLINE std::int32_t int_at(const void* from) {
  std::int32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Eight rows of bytes, `stride` apart.
struct Rows8 {
  const std::byte* first;
  std::size_t stride;
  const std::byte* row(std::size_t r, std::size_t at) const { return first + r * stride + at; }

  // Fetches a share of the next eight rows, one of `shares`. Eight short streams are too many for
  // the processor to foresee: from memory, products with one row would take twice as long.
  LIMELIGHT_INLINE void prefetch(std::size_t share, std::size_t shares) const {
    const std::size_t bytes = 8 * stride / shares;
    const auto* next = reinterpret_cast<const char*>(row(8, share * bytes));
    for (std::size_t line = 0; line < bytes; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
  }
  // piece[i]: bytes 4 i to 4 i + 3 after `at` of each row, i < 4.
  LIMELIGHT_INLINE void transpose16(std::size_t at, __m256i* piece) const {
    const auto sixteen = [&](std::size_t r) LIMELIGHT_ALWAYS {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(row(r, at)));
    };
    const auto pair = [&](std::size_t r) LIMELIGHT_ALWAYS {  // costs less than an insertion
      return _mm256_blend_epi32(_mm256_castsi128_si256(sixteen(r)),
                                _mm256_broadcastsi128_si256(sixteen(r + 4)), 0xf0);
    };
    const __m256i a = pair(0), b = pair(1), c = pair(2), d = pair(3);
    const __m256i ab01 = _mm256_unpacklo_epi32(a, b), ab23 = _mm256_unpackhi_epi32(a, b),
                  cd01 = _mm256_unpacklo_epi32(c, d), cd23 = _mm256_unpackhi_epi32(c, d);
    piece[0] = _mm256_unpacklo_epi64(ab01, cd01);
    piece[1] = _mm256_unpackhi_epi64(ab01, cd01);
    piece[2] = _mm256_unpacklo_epi64(ab23, cd23);
    piece[3] = _mm256_unpackhi_epi64(ab23, cd23);
  }
  LIMELIGHT_INLINE void transpose32(std::size_t at, __m256i* piece) const {
    transpose16(at, piece);
    transpose16(at + 16, piece + 4);
  }
  // The numbers in float16 at `at` and at + 2 of each row.
  struct Numbers {
    __m256 first, second;
  };
  LIMELIGHT_INLINE Numbers numbers(std::size_t at) const {
    const auto four = [&](std::size_t r) LIMELIGHT_ALWAYS {
      const auto all = [&](std::size_t k)
                           LIMELIGHT_ALWAYS { return _mm_set1_epi32(int_at(row(r + k, at))); };
      const __m128i v = _mm_blend_epi32(_mm_blend_epi32(all(0), all(1), 2),
                                        _mm_blend_epi32(all(2), all(3), 8), 12);
      return _mm_shuffle_epi8(v,
                              _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    };
    const __m128i low = four(0), high = four(4);
    return {_mm256_cvtph_ps(_mm_unpacklo_epi64(low, high)),
            _mm256_cvtph_ps(_mm_unpackhi_epi64(low, high))};
  }
};

// Calls f(block, panel) for each block of eight rows.
template <WeightType type, class F>
LIMELIGHT_INLINE void each_panel(const Rows8& w, std::size_t blocks, F&& f) {
  Panel p;
  if constexpr (type == WeightType::q4_0 || type == WeightType::q4_1) {
    constexpr std::size_t head = type == WeightType::q4_0 ? 2 : 4;
    for (std::size_t block = 0; block < blocks; ++block) {
      w.prefetch(block, blocks);
      const std::size_t at = block * (head + 16);
      const Rows8::Numbers numbers = w.numbers(at);
      p.scale = numbers.first;
      p.second = _mm256_castps_si256(type == WeightType::q4_1
                                         ? numbers.second
                                         : _mm256_mul_ps(numbers.first, _mm256_set1_ps(-8)));
      __m256i bytes[4];
      w.transpose16(at + head, bytes);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        p.q[i] = and8(bytes[i], 15);
        p.q[i + 4] = and8(_mm256_srli_epi16(bytes[i], 4), 15);
      }
      f(block, p);
    }
  } else if constexpr (type == WeightType::q8_0) {
    for (std::size_t block = 0; block < blocks; ++block) {
      w.prefetch(block, blocks);
      p.scale = w.numbers(block * 34).first;
      w.transpose32(block * 34 + 2, p.q);
      f(block, p);
    }
  } else if constexpr (type == WeightType::q4_k) {
    for (std::size_t block = 0; block < blocks; block += 8) {
      w.prefetch(block / 8, blocks / 8);
      const std::size_t at = block / 8 * 144;
      __m256i head[4];  // the two numbers in float16; then 12 bytes: see q4k_scale_min()
      w.transpose16(at, head);
      const Rows8::Numbers units = w.numbers(at);
      const __m256 minus = _mm256_xor_ps(units.second, _mm256_set1_ps(-0.0f));
      const __m256i scales[2] = {
          and8(head[1], 63),
          _mm256_or_si256(and8(head[3], 15), and8(_mm256_srli_epi16(head[1], 2), 0x30))};
      const __m256i minima[2] = {and8(head[2], 63),
                                 _mm256_or_si256(and8(_mm256_srli_epi16(head[3], 4), 15),
                                                 and8(_mm256_srli_epi16(head[2], 2), 0x30))};
      const auto byte = [](__m256i v, int shift) LIMELIGHT_ALWAYS {
        return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srl_epi32(v, _mm_cvtsi32_si128(shift)),
                                                   _mm256_set1_epi32(255)));
      };
      for (int pair = 0; pair < 4; ++pair) {
        __m256i bytes[8];
        w.transpose32(at + 16 + 32 * static_cast<std::size_t>(pair), bytes);
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) {
          const int shift = 16 * (pair % 2) + 8 * j;
          p.scale = _mm256_mul_ps(units.first, byte(scales[pair / 2], shift));
          p.second = _mm256_castps_si256(_mm256_mul_ps(minus, byte(minima[pair / 2], shift)));
#pragma GCC unroll 8
          for (int i = 0; i < 8; ++i)
            p.q[i] = and8(j == 0 ? bytes[i] : _mm256_srli_epi16(bytes[i], 4), 15);
          f(block + 2 * static_cast<std::size_t>(pair) + static_cast<std::size_t>(j), p);
        }
      }
    }
  } else {
    static_assert(type == WeightType::q6_k);
    for (std::size_t block = 0; block < blocks; block += 8) {
      w.prefetch(block / 8, blocks / 8);
      const std::size_t at = block / 8 * 210;
      p.scale = w.numbers(at + 206).second;
      __m256i factors[4];
      w.transpose16(at + 192, factors);
      for (std::size_t half = 0; half < 2; ++half) {
        __m256i low[2][8], high[8];
        w.transpose32(at + 64 * half, low[0]);
        w.transpose32(at + 64 * half + 32, low[1]);
        w.transpose32(at + 128 + 32 * half, high);
#pragma GCC unroll 4
        for (int part = 0; part < 4; ++part) {
          const __m256i spread = _mm256_shuffle_epi8(
              factors[2 * half + static_cast<std::size_t>(part / 2)],
              part % 2 == 0
                  ? _mm256_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1,
                                     0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13)
                  : _mm256_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1,
                                     2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15));
          p.second = _mm256_srai_epi16(spread, 8);
#pragma GCC unroll 8
          for (int i = 0; i < 8; ++i) {
            const __m256i l = low[part % 2][i], h = high[i];
            const __m256i lows = and8(part < 2 ? l : _mm256_srli_epi16(l, 4), 15);
            const __m256i highs = and8(part == 0   ? _mm256_slli_epi16(h, 4)
                                       : part == 1 ? _mm256_slli_epi16(h, 2)
                                       : part == 2 ? h
                                                   : _mm256_srli_epi16(h, 2),
                                       0x30);
            p.q[i] = _mm256_or_si256(lows, highs);
          }
          f(block + 4 * half + static_cast<std::size_t>(part), p);
        }
      }
    }
  }
}

}  // namespace

}  // namespace limelight::stages

#endif
