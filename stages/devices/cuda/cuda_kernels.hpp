// The operations of a CUDA device: each function starts kernels on a stream and returns.
// cuda_device.cpp calls them. The kernels are written to be simple rather than fast. All pointers
// are to device memory. Shapes and formulas: see device.hpp.
#pragma once

#include <cuda_runtime_api.h>

namespace limelight::stages::cuda {

void linear_f32(
    const float* x, const float* w, float* y, int n, int in, int out, cudaStream_t stream);
void linear_bf16(const float* x,
                 const void* w,
                 float* y,
                 int n,
                 int in,
                 int out,
                 cudaStream_t stream);  // x is rounded to bfloat16
void round_to_bf16(const float* from, void* to, long count, cudaStream_t stream);
void rms_norm(const float* x,
              float* y,
              int n,
              int width,
              const float* weight,
              float epsilon,
              cudaStream_t stream);  // weight: null means all 1
// See Placement; all in the device's memory.
struct Places {
  const int *positions, *sequences, *slots, *tables, *turns;  // turns: null if there are none
  int rows, table_width, block_size;
};
void rope(float* x,
          const Places& places,
          int heads,
          int head_dim,
          int pairs,
          const float* frequencies,
          float scale,
          bool interleaved,
          int height,
          int width,
          bool sections,
          cudaStream_t stream);  // height, width, sections: see Rope. frequencies: [pairs]; null:
                                 // base 10 000
void store(const float* rows, float* cache, const Places& places, int width, cudaStream_t stream);
// scores: scratch memory, [rows, heads, longest]. longest: the most positions that a row attends
// to. scale, cap, window: see AttentionShape; the scale is not 0.
void attention(const float* q,
               const float* keys,
               const float* values,
               float* out,
               float* scores,
               const Places& places,
               int longest,
               int heads,
               int kv_heads,
               int head_dim,
               float scale,
               float cap,
               int window,
               cudaStream_t stream);
enum class Gate { silu, gelu, gelu_tanh };
void gate_mul(float* gate, const float* up, long count, Gate kind, cudaStream_t stream);
void add_scaled(float* x, const float* y, float weight, long count, cudaStream_t stream);
void add(float* x,
         const float* y,
         long count,
         long width,
         cudaStream_t stream);  // y: one row of `width` values, added to each row of x

}  // namespace limelight::stages::cuda
