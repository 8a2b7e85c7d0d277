#include <cuda_bf16.h>

#include "stages/devices/cuda/cuda_kernels.hpp"

namespace limelight::stages::cuda {

namespace {

constexpr int warp = 32, block = 256;
unsigned blocks_for(long count) { return static_cast<unsigned>((count + block - 1) / block); }

__device__ float sum_of_warp(float value) {
  for (int offset = warp / 2; offset > 0; offset /= 2)
    value += __shfl_down_sync(0xffffffffu, value, offset);
  return __shfl_sync(0xffffffffu, value, 0);
}
__device__ float max_of_warp(float value) {
  for (int offset = warp / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_down_sync(0xffffffffu, value, offset));
  return __shfl_sync(0xffffffffu, value, 0);
}
__device__ float widen(float value) { return value; }
__device__ float widen(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ float match(float value, float) { return value; }
__device__ float match(float value, __nv_bfloat16) {
  return __bfloat162float(__float2bfloat16(value));
}

// One warp computes one element of y.
template <class W>
__global__ void linear_kernel(const float* x, const W* w, float* y, int n, int in, int out) {
  const long at = (static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x) / warp;
  if (at >= static_cast<long>(n) * out) return;
  const float* row = x + at / out * in;
  const W* weights = w + at % out * in;
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x % warp); i < in; i += warp)
    sum += match(row[i], W{}) * widen(weights[i]);
  sum = sum_of_warp(sum);
  if (threadIdx.x % warp == 0) y[at] = sum;
}

__global__ void round_kernel(const float* from, __nv_bfloat16* to, long count) {
  const long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) to[i] = __float2bfloat16(from[i]);
}

// One warp normalises one row.
__global__ void rms_norm_kernel(
    const float* x, float* y, int width, const float* weight, float epsilon) {
  const float* from = x + static_cast<long>(blockIdx.x) * width;
  float* to = y + static_cast<long>(blockIdx.x) * width;
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += warp) sum += from[i] * from[i];
  const float scale = rsqrtf(sum_of_warp(sum) / static_cast<float>(width) + epsilon);
  for (int i = static_cast<int>(threadIdx.x); i < width; i += warp)
    to[i] = from[i] * scale * (weight != nullptr ? weight[i] : 1.0f);
}

__global__ void rope_kernel(float* x,
                            Places places,
                            int heads,
                            int head_dim,
                            int half,
                            const float* frequencies,
                            float scale,
                            bool interleaved,
                            int height,
                            int width,
                            bool sections) {
  const long at = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= static_cast<long>(places.rows) * heads * half) return;
  const int i = static_cast<int>(at % half);
  const long row_head = at / half;
  const float frequency =
      frequencies != nullptr
          ? frequencies[i]
          : powf(10000.0f, -2.0f * static_cast<float>(i) / static_cast<float>(head_dim));
  const long row = row_head / heads;
  const int axis = sections ? (i >= half - width            ? 2
                               : i >= half - width - height ? 1
                                                            : 0)
                            : (i % 3 == 1 && i < 3 * height  ? 1
                               : i % 3 == 2 && i < 3 * width ? 2
                                                             : 0);
  const int position = places.turns == nullptr
                           ? places.positions[row]
                           : places.turns[static_cast<long>(axis) * places.rows + row];
  const float angle = static_cast<float>(position) * frequency;
  float* pair = x + row_head * head_dim + (interleaved ? 2 * i : i);
  const int apart = interleaved ? 1 : half;
  const float c = scale * cosf(angle), s = scale * sinf(angle), a = pair[0], b = pair[apart];
  pair[0] = a * c - b * s;
  pair[apart] = b * c + a * s;
}

__global__ void store_kernel(const float* rows, float* cache, Places places, int width) {
  const long at = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= static_cast<long>(places.rows) * width) return;
  cache[static_cast<long>(places.slots[at / width]) * width + at % width] = rows[at];
}

// One warp computes one head of one row.
__global__ void attention_kernel(const float* q,
                                 const float* keys,
                                 const float* values,
                                 float* out,
                                 float* scores,
                                 Places places,
                                 int longest,
                                 int heads,
                                 int kv_heads,
                                 int head_dim,
                                 float scale,
                                 float cap,
                                 int window) {
  const int row = static_cast<int>(blockIdx.x) / heads, head = static_cast<int>(blockIdx.x) % heads,
            lane = static_cast<int>(threadIdx.x);
  const int seen = places.positions[row] + 1, kv = head / (heads / kv_heads);
  const int first = window > 0 && seen > window ? seen - window : 0;
  const long stride = static_cast<long>(kv_heads) * head_dim;
  const int* table = places.tables + static_cast<long>(places.sequences[row]) * places.table_width;
  const auto cached = [&](const float* cache, int t) {
    const long slot =
        static_cast<long>(table[t / places.block_size]) * places.block_size + t % places.block_size;
    return cache + slot * stride + static_cast<long>(kv) * head_dim;
  };
  const float* query = q + static_cast<long>(blockIdx.x) * head_dim;
  float* score = scores + static_cast<long>(blockIdx.x) * longest;
  float top = -INFINITY;
  for (int t = first + lane; t < seen; t += warp) {
    const float* key = cached(keys, t);
    float dot = 0;
    for (int i = 0; i < head_dim; ++i) dot += query[i] * key[i];
    score[t] = cap != 0 ? cap * tanhf(dot * scale / cap) : dot * scale;
    top = fmaxf(top, score[t]);
  }
  top = max_of_warp(top);
  float sum = 0;
  for (int t = first + lane; t < seen; t += warp) sum += score[t] = expf(score[t] - top);
  sum = sum_of_warp(sum);
  __syncwarp();
  for (int i = lane; i < head_dim; i += warp) {
    float value = 0;
    for (int t = first; t < seen; ++t) value += score[t] / sum * cached(values, t)[i];
    out[static_cast<long>(blockIdx.x) * head_dim + i] = value;
  }
}

__device__ float activated(float x, Gate kind) {
  switch (kind) {
    case Gate::silu: return x / (1.0f + expf(-x));
    case Gate::gelu: return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    default: return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
  }
}
__global__ void gate_mul_kernel(float* gate, const float* up, long count, Gate kind) {
  const long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) gate[i] = activated(gate[i], kind) * up[i];
}
__global__ void add_kernel(float* x, const float* y, long count, long width) {
  const long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) x[i] += y[i % width];
}
__global__ void add_scaled_kernel(float* x, const float* y, float weight, long count) {
  const long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) x[i] += weight * y[i];
}

}  // namespace

void linear_f32(
    const float* x, const float* w, float* y, int n, int in, int out, cudaStream_t stream) {
  linear_kernel<<<blocks_for(static_cast<long>(n) * out * warp), block, 0, stream>>>(x, w, y, n, in,
                                                                                     out);
}
void linear_bf16(
    const float* x, const void* w, float* y, int n, int in, int out, cudaStream_t stream) {
  linear_kernel<<<blocks_for(static_cast<long>(n) * out * warp), block, 0, stream>>>(
      x, static_cast<const __nv_bfloat16*>(w), y, n, in, out);
}
void round_to_bf16(const float* from, void* to, long count, cudaStream_t stream) {
  round_kernel<<<blocks_for(count), block, 0, stream>>>(from, static_cast<__nv_bfloat16*>(to),
                                                        count);
}
void rms_norm(const float* x,
              float* y,
              int n,
              int width,
              const float* weight,
              float epsilon,
              cudaStream_t stream) {
  rms_norm_kernel<<<static_cast<unsigned>(n), warp, 0, stream>>>(x, y, width, weight, epsilon);
}
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
          cudaStream_t stream) {
  rope_kernel<<<blocks_for(static_cast<long>(places.rows) * heads * pairs), block, 0, stream>>>(
      x, places, heads, head_dim, pairs, frequencies, scale, interleaved, height, width, sections);
}
void store(const float* rows, float* cache, const Places& places, int width, cudaStream_t stream) {
  store_kernel<<<blocks_for(static_cast<long>(places.rows) * width), block, 0, stream>>>(
      rows, cache, places, width);
}
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
               cudaStream_t stream) {
  attention_kernel<<<static_cast<unsigned>(places.rows * heads), warp, 0, stream>>>(
      q, keys, values, out, scores, places, longest, heads, kv_heads, head_dim, scale, cap, window);
}
void gate_mul(float* gate, const float* up, long count, Gate kind, cudaStream_t stream) {
  gate_mul_kernel<<<blocks_for(count), block, 0, stream>>>(gate, up, count, kind);
}
void add_scaled(float* x, const float* y, float weight, long count, cudaStream_t stream) {
  add_scaled_kernel<<<blocks_for(count), block, 0, stream>>>(x, y, weight, count);
}
void add(float* x, const float* y, long count, long width, cudaStream_t stream) {
  add_kernel<<<blocks_for(count), block, 0, stream>>>(x, y, count, width);
}

}  // namespace limelight::stages::cuda
