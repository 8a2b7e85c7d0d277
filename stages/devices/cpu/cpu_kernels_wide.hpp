// The part of cpu_kernels_impl.hpp that multiplies many quantised rows by weights in blocks where
// the processor has AVX-512 VNNI: as cpu_kernels_products.hpp, with sixteen rows of weights in the
// lanes of a vector. The order of the float operations is the same, and so are the results. q6_k,
// whose blocks have two factors each, stays with eight.
#pragma once

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)

#include <cstring>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/cpu_kernels_panels.hpp"
#include "stages/devices/cpu/cpu_kernels_unpack.hpp"

#define LIMELIGHT_WIDE_PANELS

namespace limelight::stages {

namespace {

// One block of 32 columns of sixteen rows of weights: two panels, beside one another.
struct alignas(64) WidePanel {
  __m256i q[8][2];  // as unsigned bytes; q8_0: 128 more than the weight
  __m256 scale[2];
  __m256i second[2];  // the offsets, of types that have some

  LIMELIGHT_INLINE __m512i piece(int i) const { return _mm512_load_si512(q[i]); }
  LIMELIGHT_INLINE __m512 scales() const { return _mm512_load_ps(scale); }
  LIMELIGHT_INLINE __m512i seconds() const { return _mm512_load_si512(second); }
};

// The products of `wide` panels, which follow one another `apart`, with `count` rows of x.
template <WeightType type, int wide, int count>
struct WideTile {
  static constexpr int size = wide * count;
  // Element e belongs to panel e % wide and row e / wide.
  __m512 sum[size], rest[size];

  LIMELIGHT_INLINE WideTile() {
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) sum[e] = rest[e] = _mm512_setzero_ps();
  }

  template <class X>
  LIMELIGHT_INLINE void add(const WidePanel* p, std::size_t apart, const X& x, std::size_t block) {
    // With a mask of all lanes: g++ 12 warns of the undefined vector in the intrinsic without one.
    constexpr __mmask16 all = 0xffff;
    __m512i total[size];
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) total[e] = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i)
#pragma GCC unroll 8
      for (int e = 0; e < size; ++e)
        total[e] = _mm512_dpbusd_epi32(
            total[e], p[e % wide * apart].piece(i),
            _mm512_set1_epi32(int_at(x.values + 32 * x.at(e / wide, block) + 4 * i)));
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) {
      const WidePanel& panel = p[e % wide * apart];
      const std::size_t at = x.at(e / wide, block);
      if constexpr (type == WeightType::q8_0)
        total[e] = _mm512_sub_epi32(total[e],
                                    _mm512_madd_epi16(_mm512_set1_epi32(int_at(x.halves + 2 * at)),
                                                      _mm512_set1_epi16(128)));
      const __m512 scale = _mm512_mul_ps(panel.scales(), _mm512_set1_ps(x.scales[at]));
      sum[e] = _mm512_fmadd_ps(_mm512_maskz_cvtepi32_ps(all, total[e]), scale, sum[e]);
      if constexpr (has_rest(type))
        rest[e] = _mm512_fmadd_ps(_mm512_castsi512_ps(panel.seconds()), _mm512_set1_ps(x.sums[at]),
                                  rest[e]);
    }
  }
  LIMELIGHT_INLINE void write(float* y, std::size_t y_stride) const {
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e)
      _mm512_storeu_ps(y + static_cast<std::size_t>(e / wide) * y_stride + 16 * (e % wide),
                       has_rest(type) ? _mm512_add_ps(sum[e], rest[e]) : sum[e]);
  }
};

template <WeightType type, int wide, int count, class X>
void multiply_wide_panels(const WidePanel* panels, const X& x, float* y, std::size_t y_stride) {
  WideTile<type, wide, count> tile;
  for (std::size_t block = 0; block < x.blocks; ++block)
    tile.add(panels + block, x.blocks, x, block);
  tile.write(y, y_stride);
}

// 16 * wide rows of weights. scratch: room for the panels of all of them, at a multiple of 64.
template <WeightType type, int wide, class X>
void multiply_wide(const Rows8& w,
                   const X& x,
                   std::size_t x_rows,
                   std::byte* scratch,
                   float* y,
                   std::size_t y_stride) {
  auto* panels = reinterpret_cast<WidePanel*>(scratch);
  for (std::size_t k = 0; k < 2 * wide; ++k)
    each_panel<type>({w.row(8 * k, 0), w.stride}, x.blocks,
                     [&](std::size_t block, const Panel& p) LIMELIGHT_ALWAYS {
                       WidePanel& to = panels[k / 2 * x.blocks + block];
#pragma GCC unroll 8
                       for (int i = 0; i < 8; ++i)
                         to.q[i][k % 2] = type == WeightType::q8_0
                                              ? _mm256_xor_si256(p.q[i], _mm256_set1_epi8(-128))
                                              : p.q[i];
                       to.scale[k % 2] = p.scale;
                       if constexpr (has_rest(type)) to.second[k % 2] = p.second;
                     });
  std::size_t r = 0;
  for (; r + 4 <= x_rows; r += 4)
    multiply_wide_panels<type, wide, 4>(panels, x.from(r), y + r * y_stride, y_stride);
  y += r * y_stride;
  switch (x_rows - r) {
    case 3: return multiply_wide_panels<type, wide, 3>(panels, x.from(r), y, y_stride);
    case 2: return multiply_wide_panels<type, wide, 2>(panels, x.from(r), y, y_stride);
    case 1: return multiply_wide_panels<type, wide, 1>(panels, x.from(r), y, y_stride);
    default: return;
  }
}

}  // namespace

}  // namespace limelight::stages

#endif
