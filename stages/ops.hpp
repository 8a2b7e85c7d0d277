// The operations that stages are made of, on the CPU in fp32, each recorded as one span. Matrices are row-major and dense.
#pragma once

#include <span>
#include <vector>

namespace limelight::stages::ops {

// y [n, out] = x [n, in] * w[out, in]^T
void linear(std::span<const float> x, std::span<const float> w, std::span<float> y, int n, int in, int out);
// y = x * w [in, out]
void matmul(std::span<const float> x, std::span<const float> w, std::span<float> y, int n, int in, int out);
// Each row over its root mean square (Zhang, Sennrich 2019), weight one. In and out may be the same.
void rms_norm(std::span<const float> x, std::span<float> y, int n, int width);
// Rotary embedding (Su et al. 2021), halves paired, base 10 000. x: [n, heads, head_dim], first row at `position`.
void rope(std::span<float> x, int n, int heads, int head_dim, int position);
// Causal grouped-query attention. q, out: [n, heads, head_dim]; keys, values: [position + n, kv_heads, head_dim].
void attention(std::span<const float> q, std::span<const float> keys, std::span<const float> values, std::span<float> out, int n,
               int heads, int kv_heads, int head_dim, int position);
// gate = silu(gate) * up
void silu_mul(std::span<float> gate, std::span<const float> up);
// x += y
void add(std::span<float> x, std::span<const float> y);

}  // namespace limelight::stages::ops
