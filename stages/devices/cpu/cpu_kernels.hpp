// The inner loops of the CPU device: products with weights in blocks, and operations on rows of
// floats.
//
// One source, cpu_kernels_impl.hpp, is compiled for several kinds of processors:
//
//   name        instructions
//   portable    any processor
//   avx2        AVX2, FMA, F16C
//   avx512      AVX-512 with VNNI
//   avx512bf16  AVX-512 with VNNI and BF16
//
// All builds give the same bits (one exception: see dot_bf16). cpu_kernels() returns the best build
// that this processor can run; the environment variable LIMELIGHT_CPU names another one. The
// functions use no state, so any thread may call them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/devices/blocks.hpp"

namespace limelight::stages {

// Rows of activations, quantised for products with weights in blocks: 32 signed bytes share a
// scale. The sums turn an offset that all weights of a block share into one multiplication. cols: a
// multiple of 32.
struct QuantisedRows {
  const std::int8_t* values;   // [rows, cols]
  const float* scales;         // [rows, cols / 32]
  const float* sums;           // [rows, cols / 32]: scale times the sum of 32 values
  const std::int16_t* halves;  // [rows, cols / 16]: sum of 16 values
};

// Rows of weights in blocks, which lie row_bytes apart.
struct BlockRows {
  WeightType type;
  const std::byte* data;
  std::size_t row_bytes, rows, cols;
};

// A matrix [out, in] of floats or bfloat16, packed in panels of 16 rows: [out / 16, in, 16]. The
// last panel is filled up with anything.
struct PackedRows {
  const void* data;
  bool bf16;
  std::size_t in, out;
};

// Rows of floats, `stride` apart. Each is `taps` pieces one after the other, which lie tap_stride
// apart: the rows of a convolution share them.
struct RowsOfFloats {
  const float* data;
  std::size_t stride, taps, tap_stride;
  RowsOfFloats from(std::size_t row) const {
    return {data + row * stride, stride, taps, tap_stride};
  }
};

// Keys or values of one head at positions that follow one another in a cache.
struct CachedRows {
  const float* data;
  std::size_t stride, count, width;  // floats from one to the next; rows; floats in a row
};

struct CpuKernels {
  const char* name;
  void (*quantise)(const float* x,
                   std::size_t cols,
                   std::int8_t* values,
                   float* scales,
                   float* sums,
                   std::int16_t* halves);
  // y[r * y_stride + i] = w[i] . x[r] for r < rows, i < w.rows. The bits of a product depend on its
  // two rows only, not on which others are multiplied with them. scratch: scratch_bytes(w.cols),
  // aligned to 64.
  void (*dot_blocks)(const BlockRows& w,
                     const QuantisedRows& x,
                     std::size_t rows,
                     std::byte* scratch,
                     float* y,
                     std::size_t y_stride);
  // y[r * y_stride] = w . x[r] for one row of weights and rows of floats, for every type of
  // weights: each weight is converted to the float that it stands for.
  void (*dot_floats)(WeightType type,
                     const std::byte* w,
                     std::size_t cols,
                     const float* x,
                     std::size_t rows,
                     float* y,
                     std::size_t y_stride);
  // y[r * w.out + i] = bias[i] + w[i] . x[r] for r < rows and the panels from begin to end. bias:
  // nullptr if there is none.
  void (*multiply_packed)(const PackedRows& w,
                          std::size_t begin,
                          std::size_t end,
                          const RowsOfFloats& x,
                          std::size_t rows,
                          const float* bias,
                          float* y);
  void (*round_bf16)(const float* x,
                     std::size_t count,
                     std::uint16_t* to);  // rounds to nearest, ties to even; numbers too small
                                          // for a normal bfloat16 become 0
  // The same product for weights and rows of bfloat16. All builds give the same bits except for
  // denormal weights, which AVX-512 treats as 0.
  void (*dot_bf16)(const std::byte* w,
                   std::size_t cols,
                   const std::uint16_t* x,
                   std::size_t rows,
                   float* y,
                   std::size_t y_stride);
  float (*dot)(const float* a, const float* b, std::size_t count);
  void (*add_scaled)(float scale, const float* x, float* y, std::size_t count);  // y += scale * x
  // scores[h * scores_stride + t] = q[h] . keys[t], for heads that share the keys.
  void (*score_keys)(const float* q,
                     const CachedRows& keys,
                     std::size_t heads,
                     float* scores,
                     std::size_t scores_stride);
  // out[h] += weights[h * weights_stride + t] * values[t], one position after the other.
  void (*add_weighted)(const float* weights,
                       std::size_t weights_stride,
                       const CachedRows& values,
                       std::size_t heads,
                       float* out);
  void (*silu_mul)(float* gate, const float* up, std::size_t count);  // gate = silu(gate) * up
  float (*exp_sum)(float* x,
                   float top,
                   std::size_t count);  // x = exp(x - top), for x <= top; returns their sum
  // y = x + amplitudes * sin(frequencies * x)^2, for one row; x and y may be the same
  void (*snake)(const float* x,
                const float* frequencies,
                const float* amplitudes,
                float* y,
                std::size_t count);
};

constexpr std::size_t scratch_bytes(std::size_t cols) { return 40 * cols; }

const CpuKernels& cpu_kernels();
extern const CpuKernels portable_kernels, avx2_kernels, avx512_kernels,
    avx512bf16_kernels;  // all but the first exist on x86-64 only

}  // namespace limelight::stages
