// The part of cpu_kernels_impl.hpp that works on rows of floats: sums in a fixed order,
// exponentials, gates. Everything is local to each file that includes it, for the reason stated
// there.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "stages/devices/blocks.hpp"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace limelight::stages {

namespace {

// The sum of eight numbers: the upper half is added to the lower half until one number is left.
#if defined(__AVX2__)
float halve(__m256 v) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}
#else
float halve(float* lane) {
  for (int half = 4; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}
#endif

// Sixteen floats. Sums are updated by fused multiply-adds in the same order in every build, so all
// builds give the same bits. (The compiler fuses nothing by itself here: see CMakeLists.txt.)
struct Sixteen {
#if defined(__AVX512F__)
  __m512 v = _mm512_setzero_ps();
  static Sixteen load(const void* from) { return {_mm512_loadu_ps(from)}; }
  void store(float* to) const { _mm512_storeu_ps(to, v); }
  void add(const Sixteen& a, const Sixteen& b) { v = _mm512_fmadd_ps(a.v, b.v, v); }
  void add(const Sixteen& a, float b) { v = _mm512_fmadd_ps(a.v, _mm512_set1_ps(b), v); }
  static Sixteen halves(__m256 low, __m256 high) {
    return {
        __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
  }
  float sum() const {
    return halve(_mm256_add_ps(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)));
  }
#elif defined(__AVX2__)
  __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
  static Sixteen load(const void* from) {
    const auto* floats = static_cast<const float*>(from);
    return {_mm256_loadu_ps(floats), _mm256_loadu_ps(floats + 8)};
  }
  void store(float* to) const {
    _mm256_storeu_ps(to, low);
    _mm256_storeu_ps(to + 8, high);
  }
  void add(const Sixteen& a, const Sixteen& b) {
    low = _mm256_fmadd_ps(a.low, b.low, low);
    high = _mm256_fmadd_ps(a.high, b.high, high);
  }
  void add(const Sixteen& a, float b) {
    const __m256 all = _mm256_set1_ps(b);
    low = _mm256_fmadd_ps(a.low, all, low);
    high = _mm256_fmadd_ps(a.high, all, high);
  }
  static Sixteen halves(__m256 low, __m256 high) { return {low, high}; }
  float sum() const { return halve(_mm256_add_ps(low, high)); }
#else
  float v[16] = {};
  static Sixteen load(const void* from) {
    Sixteen sixteen;
    std::memcpy(sixteen.v, from, sizeof sixteen.v);
    return sixteen;
  }
  void store(float* to) const { std::memcpy(to, v, sizeof v); }
  void add(const Sixteen& a, const Sixteen& b) {
    for (int i = 0; i < 16; ++i) v[i] = __builtin_fmaf(a.v[i], b.v[i], v[i]);
  }
  void add(const Sixteen& a, float b) {
    for (int i = 0; i < 16; ++i) v[i] = __builtin_fmaf(a.v[i], b, v[i]);
  }
  float sum() const {
    float lane[8];
    for (int i = 0; i < 8; ++i) lane[i] = v[i] + v[i + 8];
    return halve(lane);
  }
#endif
  static Sixteen load_bf16(const void* from);
  static Sixteen load_f16(const void* from);
};

Sixteen Sixteen::load_bf16(const void* from) {
#if defined(__AVX2__)
  const auto* halves_of = static_cast<const __m128i*>(from);
  const auto wide = [](__m128i bits) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  };
  return halves(wide(_mm_loadu_si128(halves_of)), wide(_mm_loadu_si128(halves_of + 1)));
#else
  std::uint16_t bf16[16];
  std::uint32_t bits[16];
  std::memcpy(bf16, from, sizeof bf16);
  for (int i = 0; i < 16; ++i) bits[i] = static_cast<std::uint32_t>(bf16[i]) << 16;
  Sixteen sixteen;
  std::memcpy(sixteen.v, bits, sizeof bits);
  return sixteen;
#endif
}
Sixteen Sixteen::load_f16(const void* from) {
#if defined(__AVX2__)
  const auto* halves_of = static_cast<const __m128i*>(from);
  return halves(_mm256_cvtph_ps(_mm_loadu_si128(halves_of)),
                _mm256_cvtph_ps(_mm_loadu_si128(halves_of + 1)));
#else
  std::uint16_t f16[16];
  std::memcpy(f16, from, sizeof f16);
  Sixteen sixteen;
  for (int i = 0; i < 16; ++i) sixteen.v[i] = half_to_float(f16[i]);
  return sixteen;
#endif
}

float dot(const float* a, const float* b, std::size_t count) {
  Sixteen lanes;
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) lanes.add(Sixteen::load(a + i), Sixteen::load(b + i));
  float sum = lanes.sum();
  for (; i < count; ++i) sum = __builtin_fmaf(a[i], b[i], sum);
  return sum;
}

void add_scaled(float scale, const float* x, float* y, std::size_t count) {
  std::size_t i = 0;
#if defined(__AVX2__)
  for (const __m256 s = _mm256_set1_ps(scale); i + 8 <= count; i += 8)
    _mm256_storeu_ps(y + i, _mm256_fmadd_ps(s, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
#endif
  for (; i < count; ++i) y[i] = __builtin_fmaf(scale, x[i], y[i]);
}

// Eight floats at a time. The portable build works on one float and gives the same bits.
#if defined(__AVX2__)
using Floats = __m256;
constexpr std::size_t width = 8;
Floats all(float x) { return _mm256_set1_ps(x); }
Floats read(const float* x) { return _mm256_loadu_ps(x); }
void write(float* x, Floats v) { _mm256_storeu_ps(x, v); }
Floats fused(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
Floats plus(Floats a, Floats b) { return _mm256_add_ps(a, b); }
Floats times(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
Floats over(Floats a, Floats b) { return _mm256_div_ps(a, b); }
Floats clamp(Floats x, float low, float high) {
  return _mm256_min_ps(_mm256_max_ps(x, all(low)), all(high));
}
Floats rounded(Floats x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
Floats power_of_two(Floats n) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
#else
using Floats = float;
constexpr std::size_t width = 1;
Floats all(float x) { return x; }
Floats read(const float* x) { return *x; }
void write(float* x, Floats v) { *x = v; }
Floats fused(Floats a, Floats b, Floats c) { return __builtin_fmaf(a, b, c); }
Floats plus(Floats a, Floats b) { return a + b; }
Floats times(Floats a, Floats b) { return a * b; }
Floats over(Floats a, Floats b) { return a / b; }
Floats clamp(Floats x, float low, float high) { return x < low ? low : x > high ? high : x; }
Floats rounded(Floats x) { return std::nearbyintf(x); }
Floats power_of_two(Floats n) {
  const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}
#endif

// exp(x) = 2^n * exp(r), where |r| is at most ln(2) / 2. exp(r) is Taylor's polynomial of degree 7.
// The error is at most 2 units in the last place.
Floats exponential(Floats x) {
  x = clamp(x, -87, 88);
  const Floats n = rounded(times(x, all(1.44269504f)));
  const Floats r = fused(n, all(-1.42860677e-6f), fused(n, all(-0.693145752f), x));
  Floats p = all(1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = fused(p, r, all(c));
  return times(p, power_of_two(n));
}
template <class F>
void each(float* x, const float* y, std::size_t count, F&& f) {
  std::size_t i = 0;
  for (; i + width <= count; i += width) write(x + i, f(read(x + i), read(y + i)));
  if (i == count) return;
  float a[width] = {}, b[width] = {};
  std::memcpy(a, x + i, (count - i) * sizeof(float));
  std::memcpy(b, y + i, (count - i) * sizeof(float));
  write(a, f(read(a), read(b)));
  std::memcpy(x + i, a, (count - i) * sizeof(float));
}

void silu_mul(float* gate, const float* up, std::size_t count) {
  each(gate, up, count, [](Floats g, Floats u) {
    return times(over(g, plus(all(1), exponential(times(g, all(-1))))), u);
  });
}

float exp_sum(float* x, float top, std::size_t count) {
  each(x, x, count, [top](Floats v, Floats) { return exponential(plus(v, all(-top))); });
  float lane[8] = {};
  for (std::size_t i = 0; i < count; ++i) lane[i % 8] += x[i];
#if defined(__AVX2__)
  return halve(_mm256_loadu_ps(lane));
#else
  return halve(lane);
#endif
}

}  // namespace

}  // namespace limelight::stages
