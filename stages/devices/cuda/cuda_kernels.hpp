// The operations of a CUDA device as launches on a stream; the host side is cuda_device.cpp. Plain
// kernels: they are right before they are fast. Pointers are device memory. Shapes and formulas:
// see device.hpp.
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
              cudaStream_t stream);  // weight: null for ones
void rope(float* x,
          int n,
          int heads,
          int head_dim,
          int position,
          const float* frequencies,
          bool interleaved,
          cudaStream_t stream);  // frequencies: null for base 10 000
// scores: [n, heads, position + n] of scratch.
void attention(const float* q,
               const float* keys,
               const float* values,
               float* out,
               float* scores,
               int n,
               int heads,
               int kv_heads,
               int head_dim,
               int position,
               cudaStream_t stream);
void silu_mul(float* gate, const float* up, long count, cudaStream_t stream);
void add(float* x,
         const float* y,
         long count,
         long width,
         cudaStream_t stream);  // y: width values, added again and again

}  // namespace limelight::stages::cuda
