// The source of all builds of cpu_kernels.hpp. One file for each build defines LIMELIGHT_KERNELS,
// the name of its table, and includes this one. The instructions that the compiler may use in that
// file select the code. Everything here is local to its file: if two builds shared an inline
// function, the linker could keep the one whose instructions this processor lacks.
#include <cmath>
#include <cstring>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/cpu_kernels_dots.hpp"
#include "stages/devices/cpu/cpu_kernels_floats.hpp"
#include "stages/devices/cpu/cpu_kernels_packed.hpp"
#include "stages/devices/cpu/cpu_kernels_products.hpp"
#include "stages/devices/cpu/cpu_kernels_unpack.hpp"
#include "stages/devices/cpu/cpu_kernels_waves.hpp"

namespace limelight::stages {

namespace {

void quantise(const float* x,
              std::size_t cols,
              std::int8_t* values,
              float* scales,
              float* sums,
              std::int16_t* halves) {
  for (std::size_t block = 0; block < cols / 32; ++block, x += 32, values += 32, halves += 2) {
    int sum[2] = {};
#if defined(__AVX2__)
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 v[4], top = _mm256_setzero_ps();
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm256_loadu_ps(x + 8 * i);
      top = _mm256_max_ps(top, _mm256_andnot_ps(sign, v[i]));
    }
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(top), _mm256_extractf128_ps(top, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    const float most = _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
    const __m256 inverse = _mm256_set1_ps(most > 0 ? 127 / most : 0);
    __m256i whole[4];
    for (int i = 0; i < 4; ++i) whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
    // These instructions pack each half of a register for itself, so the order is restored at the
    // end.
    const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]),
                                              _mm256_packs_epi32(whole[2], whole[3]));
    _mm256_storeu_si256(
        reinterpret_cast<__m256i*>(values),
        _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
    for (int half = 0; half < 2; ++half) {
      __m256i eight = _mm256_add_epi32(whole[2 * half], whole[2 * half + 1]);
      __m128i s = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
      s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
      sum[half] = _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
    }
#else
    float most = 0;
    for (int i = 0; i < 32; ++i) most = std::fmax(most, std::fabs(x[i]));
    const float inverse = most > 0 ? 127 / most : 0;
    for (int i = 0; i < 32; ++i) {
      values[i] = static_cast<std::int8_t>(std::lrintf(x[i] * inverse));
      sum[i / 16] += values[i];
    }
#endif
    const float scale = most / 127;
    scales[block] = scale;
    sums[block] = scale * static_cast<float>(sum[0] + sum[1]);
    for (int half = 0; half < 2; ++half) halves[half] = static_cast<std::int16_t>(sum[half]);
  }
}

void round_bf16(const float* x, std::size_t count, std::uint16_t* to) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    to[i] = static_cast<std::uint16_t>((bits & 0x7f800000) == 0 ? bits >> 16 & 0x8000 : rounded);
  }
}

}  // namespace

extern const CpuKernels LIMELIGHT_KERNELS;
const CpuKernels LIMELIGHT_KERNELS{LIMELIGHT_KERNELS_NAME,
                                   quantise,
                                   dot_blocks,
                                   dot_floats,
                                   multiply_packed,
                                   round_bf16,
                                   dot_bf16,
                                   dot,
                                   add_scaled,
                                   silu_mul,
                                   exp_sum,
                                   snake};

}  // namespace limelight::stages
