// The part of cpu_kernels_impl.hpp that multiplies rows of floats by packed matrices.
//
// Each product is one chain of fused multiply-adds along its columns, in every build and for any
// number of rows, so its bits depend on its two rows only. Sixteen products, of one row of x with
// sixteen rows of weights, are neighbours in registers; a tile of several rows and panels hides the
// latency of the chains.
#pragma once

#include <cstring>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/cpu_kernels_floats.hpp"

namespace limelight::stages {

namespace {

inline Sixteen sixteen_at(const float* from) { return Sixteen::load(from); }
inline Sixteen sixteen_at(const std::uint16_t* from) { return Sixteen::load_bf16(from); }

Sixteen some_of(const float* from, std::size_t count) {
  if (count == 16) return Sixteen::load(from);
  float some[16] = {};
  std::memcpy(some, from, count * sizeof(float));
  return Sixteen::load(some);
}

// So many products are added up one after the other; then a new sum begins, and is added to those
// before it. The rounding errors of one long sum would grow with its length.
constexpr std::size_t longest_sum = 256;

// The products of `rows` rows of x with `panels` panels, the first of which is w. width: how many
// of the last panel's columns count.
template <int rows, int panels, class T>
void multiply_tile(const T* w,
                   std::size_t in,
                   const RowsOfFloats& x,
                   const float* bias,
                   float* y,
                   std::size_t y_stride,
                   std::size_t width) {
  Sixteen sum[rows][panels], total[rows][panels];
  if (bias != nullptr) {
#pragma GCC unroll 8
    for (int p = 0; p < panels; ++p) {
      const Sixteen first = some_of(bias + 16 * p, p + 1 < panels ? 16 : width);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) total[r][p] = first;
    }
  }
  const auto move_sums = [&] {
#pragma GCC unroll 8
    for (int p = 0; p < panels; ++p)
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        total[r][p].add(sum[r][p], 1);
        sum[r][p] = Sixteen();
      }
  };
  const std::size_t piece = in / x.taps;
  const float* from = x.data;
  std::size_t summed = 0;
  for (std::size_t tap = 0; tap < x.taps; ++tap, from += x.tap_stride)
    for (std::size_t begin = 0; begin < piece;) {
      const std::size_t left = piece - begin,
                        end = begin + (left < longest_sum ? left : longest_sum);
      if (summed + end - begin > longest_sum) {
        move_sums();
        summed = 0;
      }
      summed += end - begin;
      for (std::size_t i = begin; i < end; ++i) {
#pragma GCC unroll 8
        for (int p = 0; p < panels; ++p) {
          const Sixteen weights =
              sixteen_at(w + 16 * (static_cast<std::size_t>(p) * in + tap * piece + i));
#pragma GCC unroll 8
          for (int r = 0; r < rows; ++r)
            sum[r][p].add(weights, from[static_cast<std::size_t>(r) * x.stride + i]);
        }
      }
      begin = end;
    }
  move_sums();
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < panels; ++p) {
      float* to = y + static_cast<std::size_t>(r) * y_stride + 16 * p;
      if (p + 1 < panels || width == 16) total[r][p].store(to);
      else {
        float some[16];
        total[r][p].store(some);
        std::memcpy(to, some, width * sizeof(float));
      }
    }
  }
}

template <class T>
void multiply_panels_of(const PackedRows& w,
                        std::size_t begin,
                        std::size_t end,
                        const RowsOfFloats& x,
                        std::size_t rows,
                        const float* bias,
                        float* y) {
  // f(panels from `panel` on, rows of x from `row` on)
  const auto run = [&](auto f, std::size_t panel, std::size_t panels, std::size_t row) {
    const std::size_t last = 16 * (panel + panels);
    f(static_cast<const T*>(w.data) + 16 * panel * w.in, w.in, x.from(row),
      bias == nullptr ? nullptr : bias + 16 * panel, y + row * w.out + 16 * panel, w.out,
      last <= w.out ? 16 : 16 - (last - w.out));
  };
#if defined(__AVX512F__)
  // 32 registers have room for a larger tile, for which x and the panels are read less often.
  if (const std::size_t wide = rows / 8 * 8; wide > 0) {
    // A matrix that stays in the cache is read again for a few rows of x at a time, the panels of
    // a larger one once.
    const bool small = 16 * (end - begin) * w.in * sizeof(T) <= 1 << 20;
    const std::size_t kept = small ? 8 * (1 + (std::size_t{1} << 12) / w.in) : wide;
    for (std::size_t first = 0; first < wide; first += kept) {
      const std::size_t last = first + kept < wide ? first + kept : wide;
      for (std::size_t panel = begin; panel < end; panel += 3)
        for (std::size_t r = first; r < last; r += 8) switch (end - panel) {
            case 1: run(multiply_tile<8, 1, T>, panel, 1, r); break;
            case 2: run(multiply_tile<8, 2, T>, panel, 2, r); break;
            default: run(multiply_tile<8, 3, T>, panel, 3, r);
          }
    }
    if (wide == rows) return;
    return multiply_panels_of<T>(w, begin, end, x.from(wide), rows - wide, bias, y + wide * w.out);
  }
#endif
  const std::size_t full = rows / 6 * 6;
  // A matrix that stays in the cache is read again for each tile of rows, and y is written in
  // order. A panel of a larger one is read once.
  const std::size_t step = 16 * (end - begin) * w.in * sizeof(T) <= 1 << 17 ? 6 : full;
  for (std::size_t first = 0; first < full; first += step)
    for (std::size_t panel = begin; panel < end; ++panel)
      for (std::size_t r = first; r < first + step; r += 6)
        run(multiply_tile<6, 1, T>, panel, 1, r);
  // The fewer rows, the more panels at a time.
  const auto rest = [&](auto tile, auto one, std::size_t panels) {
    std::size_t panel = begin;
    for (; panel + panels <= end; panel += panels) run(tile, panel, panels, full);
    for (; panel < end; ++panel) run(one, panel, 1, full);
  };
  switch (rows - full) {
    case 5: return rest(multiply_tile<5, 1, T>, multiply_tile<5, 1, T>, 1);
    case 4: return rest(multiply_tile<4, 1, T>, multiply_tile<4, 1, T>, 1);
    case 3: return rest(multiply_tile<3, 2, T>, multiply_tile<3, 1, T>, 2);
    case 2: return rest(multiply_tile<2, 3, T>, multiply_tile<2, 1, T>, 3);
    case 1: return rest(multiply_tile<1, 4, T>, multiply_tile<1, 1, T>, 4);
    default: return;
  }
}

void multiply_packed(const PackedRows& w,
                     std::size_t begin,
                     std::size_t end,
                     const RowsOfFloats& x,
                     std::size_t rows,
                     const float* bias,
                     float* y) {
  if (w.bf16) multiply_panels_of<std::uint16_t>(w, begin, end, x, rows, bias, y);
  else multiply_panels_of<float>(w, begin, end, x, rows, bias, y);
}

}  // namespace

}  // namespace limelight::stages
