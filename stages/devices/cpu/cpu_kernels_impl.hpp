// The source of all builds of cpu_kernels.hpp. One file for each build defines LIMELIGHT_KERNELS,
// the name of its table, and includes this one. The instructions that the compiler may use in that
// file select the code. Everything here is local to its file: if two builds shared an inline
// function, the linker could keep the one whose instructions this processor lacks.
#include <cmath>
#include <cstring>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/cpu_kernels_floats.hpp"
#include "stages/devices/cpu/cpu_kernels_products.hpp"
#include "stages/devices/cpu/cpu_kernels_unpack.hpp"

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

// Converts 16 plain weights to floats.
void widen(WeightType type, const std::byte* w, float* to) {
#if defined(__AVX2__)
  for (int half = 0; half < 2; ++half) {
    const __m128i from = _mm_loadu_si128(reinterpret_cast<const __m128i*>(w) + half);
    if (type == WeightType::f16) _mm256_storeu_ps(to + 8 * half, _mm256_cvtph_ps(from));
    else
      _mm256_storeu_ps(to + 8 * half,
                       _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(from), 16)));
  }
  return;
#endif
  unpack_blocks(type, w, {to, 16});
}

void dot_plain(WeightType type,
               const std::byte* w,
               std::size_t cols,
               const float* x,
               std::size_t rows,
               float* y,
               std::size_t y_stride) {
  constexpr std::size_t most = 4;
  const std::size_t bytes = type == WeightType::f32 ? 4 : 2;
  for (std::size_t first = 0; first < rows; first += most) {
    const std::size_t count = rows - first < most ? rows - first : most;
    Lanes lanes[most];
    float wide[16];
    std::size_t i = 0;
    for (; i + 16 <= cols; i += 16) {
      const float* weights = wide;
      if (type == WeightType::f32) weights = reinterpret_cast<const float*>(w + 4 * i);
      else widen(type, w + bytes * i, wide);
      for (std::size_t r = 0; r < count; ++r) lanes[r].add(weights, x + (first + r) * cols + i);
    }
    for (std::size_t r = 0; r < count; ++r) {
      float sum = lanes[r].sum();
      for (std::size_t rest = i; rest < cols; ++rest) {
        float weight;
        unpack_blocks(type, w + bytes * rest, {&weight, 1});
        sum = __builtin_fmaf(weight, x[(first + r) * cols + rest], sum);
      }
      y[(first + r) * y_stride] = sum;
    }
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
float widened(std::uint16_t bf16) {
  const std::uint32_t bits = static_cast<std::uint32_t>(bf16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Eight sums. Each one adds two products at a time, that of the odd numbers first, as the
// instruction VDPBF16PS does.
struct PairLanes {
#if defined(__AVX2__)
  __m256 v = _mm256_setzero_ps();
  void add(const std::byte* w, const std::uint16_t* x) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)),
                  b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
#if defined(__AVX512BF16__)
    v = _mm256_dpbf16_ps(v, reinterpret_cast<__m256bh>(a), reinterpret_cast<__m256bh>(b));
#else
    const auto odd = [](__m256i pairs) {
      return _mm256_castsi256_ps(
          _mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
    };
    const auto even = [](__m256i pairs) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    };
    v = _mm256_fmadd_ps(even(a), even(b), _mm256_fmadd_ps(odd(a), odd(b), v));
#endif
  }
#else
  float v[8] = {};
  void add(const std::byte* w, const std::uint16_t* x) {
    for (int i = 0; i < 8; ++i)
      for (const int j : {2 * i + 1, 2 * i})
        v[i] = __builtin_fmaf(widened(load<std::uint16_t>(w + 2 * j)), widened(x[j]), v[i]);
  }
#endif
};
float sum_of(const PairLanes& a, const PairLanes& b) {
#if defined(__AVX2__)
  return halve(_mm256_add_ps(a.v, b.v));
#else
  float lane[8];
  for (int i = 0; i < 8; ++i) lane[i] = a.v[i] + b.v[i];
  return halve(lane);
#endif
}

void dot_bf16(const std::byte* w,
              std::size_t cols,
              const std::uint16_t* x,
              std::size_t rows,
              float* y,
              std::size_t y_stride) {
  constexpr std::size_t most = 4;
  for (std::size_t first = 0; first < rows; first += most) {
    const std::size_t count = rows - first < most ? rows - first : most;
    PairLanes lanes[most][2];
    std::size_t i = 0;
    for (; i + 32 <= cols; i += 32)
      for (std::size_t r = 0; r < count; ++r)
        for (std::size_t half = 0; half < 2; ++half)
          lanes[r][half].add(w + 2 * (i + 16 * half), x + (first + r) * cols + i + 16 * half);
    for (std::size_t r = 0; r < count; ++r) {
      float sum = sum_of(lanes[r][0], lanes[r][1]);
      for (std::size_t rest = i; rest < cols; ++rest)
        sum = __builtin_fmaf(widened(load<std::uint16_t>(w + 2 * rest)),
                             widened(x[(first + r) * cols + rest]), sum);
      y[(first + r) * y_stride] = sum;
    }
  }
}

template <WeightType type>
void dot_widened(const std::byte* w,
                 std::size_t cols,
                 const float* x,
                 std::size_t rows,
                 float* y,
                 std::size_t y_stride) {
  constexpr std::size_t most = 4;
  for (std::size_t first = 0; first < rows; first += most) {
    const std::size_t count = rows - first < most ? rows - first : most;
    Lanes lanes[most];
    float wide[32];
    for (std::size_t i = 0; i < cols; i += 32) {
      widen_block<type>(w, i / 32, wide);
      for (std::size_t r = 0; r < count; ++r) {
        const float* values = x + (first + r) * cols + i;
        lanes[r].add(wide, values);
        lanes[r].add(wide + 16, values + 16);
      }
    }
    for (std::size_t r = 0; r < count; ++r) y[(first + r) * y_stride] = lanes[r].sum();
  }
}

void dot_floats(WeightType type,
                const std::byte* w,
                std::size_t cols,
                const float* x,
                std::size_t rows,
                float* y,
                std::size_t y_stride) {
  switch (type) {
    case WeightType::q8_0: return dot_widened<WeightType::q8_0>(w, cols, x, rows, y, y_stride);
    case WeightType::q4_0: return dot_widened<WeightType::q4_0>(w, cols, x, rows, y, y_stride);
    case WeightType::q4_1: return dot_widened<WeightType::q4_1>(w, cols, x, rows, y, y_stride);
    case WeightType::q4_k: return dot_widened<WeightType::q4_k>(w, cols, x, rows, y, y_stride);
    case WeightType::q6_k: return dot_widened<WeightType::q6_k>(w, cols, x, rows, y, y_stride);
    default: return dot_plain(type, w, cols, x, rows, y, y_stride);
  }
}

}  // namespace

extern const CpuKernels LIMELIGHT_KERNELS;
const CpuKernels LIMELIGHT_KERNELS{LIMELIGHT_KERNELS_NAME,
                                   quantise,
                                   dot_blocks,
                                   dot_floats,
                                   round_bf16,
                                   dot_bf16,
                                   dot,
                                   add_scaled,
                                   silu_mul,
                                   exp_sum};

}  // namespace limelight::stages
