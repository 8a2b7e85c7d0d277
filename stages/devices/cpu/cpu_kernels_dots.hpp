// The part of cpu_kernels_impl.hpp that multiplies rows of floats, or of bfloat16, by one row of
// weights as a file has it. Up to four rows share the conversion of the weights. The order of the
// operations does not depend on their number.
#pragma once

#include <cstring>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/cpu_kernels_floats.hpp"
#include "stages/devices/cpu/cpu_kernels_unpack.hpp"

namespace limelight::stages {

namespace {

// Calls f<count>(first) for tiles of four rows, then for the rest.
template <class F>
void in_tiles(std::size_t rows, F&& f) {
  std::size_t r = 0;
  for (; r + 4 <= rows; r += 4) f.template operator()<4>(r);
  switch (rows - r) {
    case 3: return f.template operator()<3>(r);
    case 2: return f.template operator()<2>(r);
    case 1: return f.template operator()<1>(r);
    default: return;
  }
}

// Sixteen plain weights as floats.
template <WeightType type>
Sixteen widen(const std::byte* w) {
  if constexpr (type == WeightType::f32) return Sixteen::load(w);
  else if constexpr (type == WeightType::f16) return Sixteen::load_f16(w);
  else return Sixteen::load_bf16(w);
}

template <WeightType type>
void dot_plain(const std::byte* w,
               std::size_t cols,
               const float* x,
               std::size_t rows,
               float* y,
               std::size_t y_stride) {
  constexpr std::size_t bytes = type == WeightType::f32 ? 4 : 2;
  in_tiles(rows, [&]<int count>(std::size_t first) {
    Sixteen lanes[count];
    const float* from = x + first * cols;
    std::size_t i = 0;
    for (; i + 16 <= cols; i += 16) {
      const Sixteen weights = widen<type>(w + bytes * i);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < count; ++r)
        lanes[r].add(weights, Sixteen::load(from + r * cols + i));
    }
    for (std::size_t r = 0; r < count; ++r) {
      float sum = lanes[r].sum();
      for (std::size_t rest = i; rest < cols; ++rest) {
        float weight;
        unpack_blocks(type, w + bytes * rest, {&weight, 1});
        sum = __builtin_fmaf(weight, from[r * cols + rest], sum);
      }
      y[(first + r) * y_stride] = sum;
    }
  });
}

template <WeightType type>
void dot_widened(const std::byte* w,
                 std::size_t cols,
                 const float* x,
                 std::size_t rows,
                 float* y,
                 std::size_t y_stride) {
  in_tiles(rows, [&]<int count>(std::size_t first) {
    Sixteen lanes[count];
    const float* from = x + first * cols;
    for (std::size_t i = 0; i < cols; i += 32) {
      const Block block = block_at<type>(w, i / 32);
#pragma GCC unroll 2
      for (std::size_t half = 0; half < 2; ++half) {
        const Sixteen weights = widen_half<type>(block, static_cast<int>(half));
#pragma GCC unroll 4
        for (std::size_t r = 0; r < count; ++r)
          lanes[r].add(weights, Sixteen::load(from + r * cols + i + 16 * half));
      }
    }
    for (std::size_t r = 0; r < count; ++r) y[(first + r) * y_stride] = lanes[r].sum();
  });
}

void dot_floats(WeightType type,
                const std::byte* w,
                std::size_t cols,
                const float* x,
                std::size_t rows,
                float* y,
                std::size_t y_stride) {
  switch (type) {
    case WeightType::f32: return dot_plain<WeightType::f32>(w, cols, x, rows, y, y_stride);
    case WeightType::f16: return dot_plain<WeightType::f16>(w, cols, x, rows, y, y_stride);
    case WeightType::bf16: return dot_plain<WeightType::bf16>(w, cols, x, rows, y, y_stride);
    case WeightType::q8_0: return dot_widened<WeightType::q8_0>(w, cols, x, rows, y, y_stride);
    case WeightType::q4_0: return dot_widened<WeightType::q4_0>(w, cols, x, rows, y, y_stride);
    case WeightType::q4_1: return dot_widened<WeightType::q4_1>(w, cols, x, rows, y, y_stride);
    case WeightType::q4_k: return dot_widened<WeightType::q4_k>(w, cols, x, rows, y, y_stride);
    case WeightType::q6_k: return dot_widened<WeightType::q6_k>(w, cols, x, rows, y, y_stride);
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
  in_tiles(rows, [&]<int count>(std::size_t first) {
    PairLanes lanes[count][2];
    const std::uint16_t* from = x + first * cols;
    std::size_t i = 0;
    for (; i + 32 <= cols; i += 32)
#pragma GCC unroll 2
      for (std::size_t half = 0; half < 2; ++half)
#pragma GCC unroll 4
        for (std::size_t r = 0; r < count; ++r)
          lanes[r][half].add(w + 2 * (i + 16 * half), from + r * cols + i + 16 * half);
    for (std::size_t r = 0; r < count; ++r) {
      float sum = sum_of(lanes[r][0], lanes[r][1]);
      for (std::size_t rest = i; rest < cols; ++rest)
        sum = __builtin_fmaf(widened(load<std::uint16_t>(w + 2 * rest)),
                             widened(from[r * cols + rest]), sum);
      y[(first + r) * y_stride] = sum;
    }
  });
}

}  // namespace

}  // namespace limelight::stages
