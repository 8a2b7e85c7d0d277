// The inner loops of the CPU on weights as model files have them, and on rows of floats: builds of
// one source, for AVX-512 with VNNI and with BF16 or without, for AVX2 and for any processor, which
// give the same bits. The best one that this processor runs is taken;
// LIMELIGHT_CPU=avx512bf16|avx512|avx2|portable asks for another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/devices/blocks.hpp"

namespace limelight::stages {

// Rows of activations beside weights in blocks: 32 signed bytes to a scale, with the sums of each
// half, so that an offset common to a block's weights is one product. cols: a multiple of 32.
struct QuantisedRows {
  const std::int8_t* values;  // [rows, cols]
  const float* scales;        // [rows, cols / 32]
  const float* sums;          // [rows, cols / 16]: scale times the sum of 16 values
};

struct CpuKernels {
  const char* name;
  void (*quantise)(
      const float* x, std::size_t cols, std::int8_t* values, float* scales, float* sums);
  // y[r * y_stride] = w . x[r] for r < rows, w one row of weights in blocks.
  void (*dot_blocks)(WeightType type,
                     const std::byte* w,
                     std::size_t cols,
                     const QuantisedRows& x,
                     std::size_t rows,
                     float* y,
                     std::size_t y_stride);
  // The same with rows of floats, for every type: each weight is widened to the float that it
  // stands for.
  void (*dot_floats)(WeightType type,
                     const std::byte* w,
                     std::size_t cols,
                     const float* x,
                     std::size_t rows,
                     float* y,
                     std::size_t y_stride);
  void (*round_bf16)(const float* x,
                     std::size_t count,
                     std::uint16_t* to);  // to the nearest, ties to even; what is smaller than any
                                          // normal number to 0
  // The same for weights and rows of bfloat16. (Bits are the same in all builds but for weights
  // that are no normal numbers, which AVX-512 takes for 0.)
  void (*dot_bf16)(const std::byte* w,
                   std::size_t cols,
                   const std::uint16_t* x,
                   std::size_t rows,
                   float* y,
                   std::size_t y_stride);
  float (*dot)(const float* a, const float* b, std::size_t count);
  void (*add_scaled)(float scale, const float* x, float* y, std::size_t count);  // y += scale * x
  void (*silu_mul)(float* gate, const float* up, std::size_t count);  // gate = silu(gate) * up
  float (*exp_sum)(float* x,
                   float top,
                   std::size_t count);  // x = exp(x - top), for x <= top; returns their sum
};

const CpuKernels& cpu_kernels();
extern const CpuKernels portable_kernels, avx2_kernels, avx512_kernels,
    avx512bf16_kernels;  // all but the first on x86-64 alone

}  // namespace limelight::stages
