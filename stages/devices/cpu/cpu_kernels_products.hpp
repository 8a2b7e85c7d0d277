// The part of cpu_kernels_impl.hpp that multiplies quantised rows by weights in blocks.
//
// The result for a row of weights and a row of x is the same in every build and beside any number
// of other rows, because the order of its float operations is fixed:
//
//   for each block of 32: total = sum of q * x, in whole numbers
//                         sum   = fma(total, scale of the weights * scale of x, sum)
//                         rest  = fma(offset of the weights, scale of x * sum of x, rest)
//   y = sum + rest
//
// q8_0 has no offset, and in q6_k it is part of q; they have no rest. A total is below 2^24, so its
// conversion to float is exact.
//
// With vectors, eight rows of weights are multiplied at a time, one in each lane, and no sum runs
// across lanes: the bytes of the eight rows are transposed in pieces of four, and each piece meets
// four bytes of x that are repeated in all lanes. With AVX-512, many rows of x meet sixteen at a
// time: cpu_kernels_wide.hpp.
#pragma once

#include <cstring>
#include <type_traits>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/cpu_kernels_panels.hpp"
#include "stages/devices/cpu/cpu_kernels_unpack.hpp"
#include "stages/devices/cpu/cpu_kernels_wide.hpp"

namespace limelight::stages {

namespace {

#if defined(__AVX2__)

// Rows of x from one row on.
struct RowsOfX : QuantisedRows {
  std::size_t blocks;  // in a row
  std::size_t at(int r, std::size_t block) const {
    return static_cast<std::size_t>(r) * blocks + block;
  }
  RowsOfX from(std::size_t r) const {
    return {
        {values + 32 * r * blocks, scales + r * blocks, sums + r * blocks, halves + 2 * r * blocks},
        blocks};
  }
  // In all lanes: four values; the two sums.
  LIMELIGHT_INLINE __m256i piece(int r, std::size_t block, int i) const {
    return _mm256_set1_epi32(int_at(values + 32 * at(r, block) + 4 * i));
  }
  LIMELIGHT_INLINE __m256i both_halves(int r, std::size_t block) const {
    return _mm256_set1_epi32(int_at(halves + 2 * at(r, block)));
  }
};

// Keeps a chain of additions in order: the compiler would first multiply everything, and run out of
// registers.
LIMELIGHT_INLINE void in_order(__m256i& v) { asm("" : "+x"(v)); }

// The products of `wide` panels, which follow one another `apart`, with `count` rows of x.
template <WeightType type, int wide, int count>
struct Tile {
  static constexpr int size = wide * count;
  // Element e belongs to panel e % wide and row e / wide.
  __m256 sum[size], rest[size];

  LIMELIGHT_INLINE Tile() {
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) sum[e] = rest[e] = _mm256_setzero_ps();
  }

  LIMELIGHT_INLINE void add(const Panel* p,
                            std::size_t apart,
                            const RowsOfX& x,
                            std::size_t block) {
    __m256i total[size];
    totals(p, apart, x, block, total);
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) {
      const Panel& panel = p[e % wide * apart];
      const std::size_t at = x.at(e / wide, block);
      const __m256 scale = _mm256_mul_ps(panel.scale, _mm256_set1_ps(x.scales[at]));
      sum[e] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(total[e]), scale, sum[e]);
      if constexpr (has_rest(type))
        rest[e] =
            _mm256_fmadd_ps(_mm256_castsi256_ps(panel.second), _mm256_set1_ps(x.sums[at]), rest[e]);
    }
  }
  // rows: how many of the rows of weights count.
  LIMELIGHT_INLINE void write(float* y, std::size_t y_stride, std::size_t rows) const {
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) {
      const __m256 v = has_rest(type) ? _mm256_add_ps(sum[e], rest[e]) : sum[e];
      float* to = y + static_cast<std::size_t>(e / wide) * y_stride + 8 * (e % wide);
      if (rows == 8 * wide) _mm256_storeu_ps(to, v);
      else {
        float some[8];
        _mm256_storeu_ps(some, v);
        std::memcpy(to, some, rows * sizeof(float));
      }
    }
  }

 private:
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
  LIMELIGHT_INLINE static void totals(
      const Panel* p, std::size_t apart, const RowsOfX& x, std::size_t block, __m256i* total) {
    __m256i late[size];  // of the second half of the block
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) total[e] = late[e] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i)
#pragma GCC unroll 8
      for (int e = 0; e < size; ++e) {
        __m256i q = p[e % wide * apart].q[i];
        // One operand of the instruction is unsigned, so 128 is added to it.
        if constexpr (type == WeightType::q8_0) q = _mm256_xor_si256(q, _mm256_set1_epi8(-128));
        __m256i& to = i < 4 ? total[e] : late[e];
        to = _mm256_dpbusd_epi32(to, q, x.piece(e / wide, block, i));
      }
#pragma GCC unroll 8
    for (int e = 0; e < size; ++e) {
      const __m256i halves = x.both_halves(e / wide, block);
      if constexpr (type == WeightType::q6_k) {
        const __m256i factors = p[e % wide * apart].second;
        total[e] =
            _mm256_mullo_epi32(total[e], _mm256_srai_epi32(_mm256_slli_epi32(factors, 16), 16));
        late[e] = _mm256_mullo_epi32(late[e], _mm256_srai_epi32(factors, 16));
      }
      total[e] = _mm256_add_epi32(total[e], late[e]);
      if constexpr (type == WeightType::q6_k)
        total[e] = _mm256_sub_epi32(
            total[e], _mm256_madd_epi16(_mm256_slli_epi16(p[e % wide * apart].second, 5), halves));
      if constexpr (type == WeightType::q8_0)
        total[e] = _mm256_sub_epi32(total[e], _mm256_madd_epi16(halves, _mm256_set1_epi16(128)));
    }
  }
#else
  LIMELIGHT_INLINE static void totals(
      const Panel* p, std::size_t apart, const RowsOfX& x, std::size_t block, __m256i* total) {
    const __m256i ones = _mm256_set1_epi16(1);
    if constexpr (type == WeightType::q8_0) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i)
#pragma GCC unroll 8
        for (int e = 0; e < size; ++e) {
          // One operand of the instruction is unsigned, so the sign goes to the other.
          const __m256i q = p[e % wide * apart].q[i],
                        signed_x = _mm256_sign_epi8(x.piece(e / wide, block, i), q);
          const __m256i v =
              _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(q), signed_x), ones);
          total[e] = i == 0 ? v : _mm256_add_epi32(total[e], v);
          in_order(total[e]);
        }
    } else if constexpr (type == WeightType::q6_k) {
      __m256i factor[wide][2];
#pragma GCC unroll 2
      for (int k = 0; k < wide; ++k) {
        const __m256i both = p[k * apart].second;
        factor[k][0] = _mm256_blend_epi16(both, _mm256_slli_epi32(both, 16), 0xaa);
        factor[k][1] = _mm256_blend_epi16(both, _mm256_srli_epi32(both, 16), 0x55);
      }
#pragma GCC unroll 8
      for (int e = 0; e < size; ++e)
        total[e] = _mm256_madd_epi16(_mm256_slli_epi16(p[e % wide * apart].second, 5),
                                     x.both_halves(e / wide, block));
#pragma GCC unroll 8
      for (int i = 0; i < 8; i += 2)
#pragma GCC unroll 8
        for (int e = 0; e < size; ++e) {  // two sums of 2 * 63 * 127 fit in 16 bits
          const Panel& panel = p[e % wide * apart];
          const __m256i two = _mm256_add_epi16(
              _mm256_maddubs_epi16(panel.q[i], x.piece(e / wide, block, i)),
              _mm256_maddubs_epi16(panel.q[i + 1], x.piece(e / wide, block, i + 1)));
          const __m256i v = _mm256_madd_epi16(two, factor[e % wide][i / 4]);
          total[e] = i == 0 ? _mm256_sub_epi32(v, total[e]) : _mm256_add_epi32(total[e], v);
          in_order(total[e]);
        }
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i)
#pragma GCC unroll 8
        for (int e = 0; e < size; ++e) {  // eight sums of 2 * 15 * 127 fit in 16 bits
          const __m256i v =
              _mm256_maddubs_epi16(p[e % wide * apart].q[i], x.piece(e / wide, block, i));
          total[e] = i == 0 ? v : _mm256_add_epi16(total[e], v);
          in_order(total[e]);
        }
#pragma GCC unroll 8
      for (int e = 0; e < size; ++e) total[e] = _mm256_madd_epi16(total[e], ones);
    }
  }
#endif
};

// Few rows of x: each panel is used at once. rows: how many of the eight rows of weights count.
template <WeightType type, int count>
void multiply_few(
    const Rows8& w, std::size_t rows, const RowsOfX& x, float* y, std::size_t y_stride) {
  Tile<type, 1, count> tile;
  each_panel<type>(w, x.blocks, [&](std::size_t block, const Panel& p) LIMELIGHT_ALWAYS {
    tile.add(&p, 0, x, block);
  });
  tile.write(y, y_stride, rows);
}

template <WeightType type, int wide, int count>
void multiply_panels(
    const Panel* panels, std::size_t rows, const RowsOfX& x, float* y, std::size_t y_stride) {
  Tile<type, wide, count> tile;
  for (std::size_t block = 0; block < x.blocks; ++block)
    tile.add(panels + block, x.blocks, x, block);
  tile.write(y, y_stride, rows);
}

// Many rows of x: the panels are kept in `scratch` for all of them.
template <WeightType type, int wide>
void multiply_many(const Rows8& w,
                   std::size_t rows,
                   const RowsOfX& x,
                   std::size_t x_rows,
                   std::byte* scratch,
                   float* y,
                   std::size_t y_stride) {
  auto* panels = reinterpret_cast<Panel*>(scratch);
  for (std::size_t k = 0; k < wide; ++k)
    each_panel<type>({w.row(8 * k, 0), w.stride}, x.blocks,
                     [&](std::size_t block, const Panel& p)
                         LIMELIGHT_ALWAYS { panels[k * x.blocks + block] = p; });
  std::size_t r = 0;
  for (; r + 4 <= x_rows; r += 4)
    multiply_panels<type, wide, 4>(panels, rows, x.from(r), y + r * y_stride, y_stride);
  switch (x_rows - r) {
    case 3:
      multiply_panels<type, wide, 3>(panels, rows, x.from(r), y + r * y_stride, y_stride);
      break;
    case 2:
      multiply_panels<type, wide, 2>(panels, rows, x.from(r), y + r * y_stride, y_stride);
      break;
    case 1:
      multiply_panels<type, wide, 1>(panels, rows, x.from(r), y + r * y_stride, y_stride);
      break;
    default: break;
  }
}

template <WeightType type>
void multiply(const BlockRows& w,
              const QuantisedRows& quantised,
              std::size_t x_rows,
              std::byte* scratch,
              float* y,
              std::size_t y_stride) {
  const RowsOfX x{quantised, w.cols / 32};
  const auto eight = [&](std::size_t i, std::size_t stride, std::size_t rows) {
    const Rows8 at{w.data + i * w.row_bytes, stride};
    switch (x_rows) {
      case 1: return multiply_few<type, 1>(at, rows, x, y + i, y_stride);
      case 2: return multiply_few<type, 2>(at, rows, x, y + i, y_stride);
      case 3: return multiply_few<type, 3>(at, rows, x, y + i, y_stride);
      default: return multiply_many<type, 1>(at, rows, x, x_rows, scratch, y + i, y_stride);
    }
  };
  std::size_t i = 0;
#if defined(LIMELIGHT_WIDE_PANELS)
  [[maybe_unused]] const auto wide = [&]<int count>(std::integral_constant<int, count>) {
    for (; x_rows > 3 && i + 16 * count <= w.rows; i += 16 * count)
      multiply_wide<type, count>({w.data + i * w.row_bytes, w.row_bytes}, x, x_rows, scratch, y + i,
                                 y_stride);
  };
  if constexpr (type != WeightType::q6_k) {
    wide(std::integral_constant<int, 2>());
    wide(std::integral_constant<int, 1>());
  }
#endif
  for (; x_rows > 3 && i + 16 <= w.rows; i += 16)
    multiply_many<type, 2>({w.data + i * w.row_bytes, w.row_bytes}, 16, x, x_rows, scratch, y + i,
                           y_stride);
  for (; i + 8 <= w.rows; i += 8) eight(i, w.row_bytes, 8);
  for (; i < w.rows; ++i) eight(i, 0, 1);  // the same row in all lanes
}

#else

// Works on four rows of x at a time, so that each block of weights is unpacked once for all of
// them.
template <WeightType type>
void multiply(const BlockRows& w,
              const QuantisedRows& x,
              std::size_t x_rows,
              std::byte*,
              float* y,
              std::size_t y_stride) {
  constexpr std::size_t most = 4;
  const std::size_t blocks = w.cols / 32;
  for (std::size_t i = 0; i < w.rows; ++i)
    for (std::size_t first = 0; first < x_rows; first += most) {
      const std::size_t count = x_rows - first < most ? x_rows - first : most;
      float sum[most] = {}, rest[most] = {};
      for (std::size_t block = 0; block < blocks; ++block) {
        const Block b = block_at<type>(w.data + i * w.row_bytes, block);
        for (std::size_t r = 0; r < count; ++r) {
          const std::size_t at = (first + r) * blocks + block;
          const std::int8_t* values = x.values + 32 * at;
          std::int32_t halves[2] = {};
          for (int k = 0; k < 32; ++k)
            halves[k / 16] +=
                values[k] * (type == WeightType::q8_0
                                 ? static_cast<std::int32_t>(static_cast<std::int8_t>(b.q[k]))
                                 : static_cast<std::int32_t>(b.q[k]));
          if (type == WeightType::q6_k)
            for (int half = 0; half < 2; ++half)
              halves[half] -= 32 * x.halves[2 * at + static_cast<std::size_t>(half)];
          const std::int32_t total = b.factor[0] * halves[0] + b.factor[1] * halves[1];
          sum[r] = __builtin_fmaf(static_cast<float>(total), b.scale * x.scales[at], sum[r]);
          if (has_rest(type)) rest[r] = __builtin_fmaf(b.offset, x.sums[at], rest[r]);
        }
      }
      for (std::size_t r = 0; r < count; ++r)
        y[(first + r) * y_stride + i] = has_rest(type) ? sum[r] + rest[r] : sum[r];
    }
}

#endif

void dot_blocks(const BlockRows& w,
                const QuantisedRows& x,
                std::size_t rows,
                std::byte* scratch,
                float* y,
                std::size_t y_stride) {
  switch (w.type) {
    case WeightType::q8_0: return multiply<WeightType::q8_0>(w, x, rows, scratch, y, y_stride);
    case WeightType::q4_0: return multiply<WeightType::q4_0>(w, x, rows, scratch, y, y_stride);
    case WeightType::q4_1: return multiply<WeightType::q4_1>(w, x, rows, scratch, y, y_stride);
    case WeightType::q4_k: return multiply<WeightType::q4_k>(w, x, rows, scratch, y, y_stride);
    case WeightType::q6_k: return multiply<WeightType::q6_k>(w, x, rows, scratch, y, y_stride);
    default: return;
  }
}

}  // namespace

}  // namespace limelight::stages
