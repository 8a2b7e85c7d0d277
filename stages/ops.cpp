#include "stages/ops.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "profiling/span.hpp"

namespace limelight::stages::ops {

namespace prof = limelight::profiling;

namespace {
const prof::NameId linear_name = prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul);
const prof::NameId matmul_name = prof::intern("matmul", prof::Category::cpu_op, prof::ValueKind::matmul);
const prof::NameId norm_name = prof::intern("rms_norm", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId rope_name = prof::intern("rope", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId attention_name = prof::intern("attention", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId silu_name = prof::intern("silu_mul", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId add_name = prof::intern("add", prof::Category::cpu_op, prof::ValueKind::dims);

std::uint64_t dims(std::size_t a, std::size_t b = 0, std::size_t c = 0) { return prof::pack_dims(a, b, c); }
std::uint64_t dims(int a, int b, int c = 0) { return dims(static_cast<std::size_t>(a), static_cast<std::size_t>(b), static_cast<std::size_t>(c)); }

// A rank computes on one core; its peers are processes of their own.
const bool one_thread = (openblas_set_num_threads(1), true);
}  // namespace

void linear(std::span<const float> x, std::span<const float> w, std::span<float> y, int n, int in, int out) {
  const prof::Span span(linear_name, dims(n, out, in));
  if (n == 1) cblas_sgemv(CblasRowMajor, CblasNoTrans, out, in, 1, w.data(), in, x.data(), 1, 0, y.data(), 1);
  else cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, out, in, 1, x.data(), in, w.data(), in, 0, y.data(), out);
}

void matmul(std::span<const float> x, std::span<const float> w, std::span<float> y, int n, int in, int out) {
  const prof::Span span(matmul_name, dims(n, out, in));
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, out, in, 1, x.data(), in, w.data(), out, 0, y.data(), out);
}

void rms_norm(std::span<const float> x, std::span<float> y, int n, int width) {
  const prof::Span span(norm_name, dims(n, width));
  for (int r = 0; r < n; ++r) {
    const float* from = x.data() + static_cast<std::ptrdiff_t>(r) * width;
    float* to = y.data() + static_cast<std::ptrdiff_t>(r) * width;
    float sum = 0;
    for (int i = 0; i < width; ++i) sum += from[i] * from[i];
    const float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + 1e-6f);
    for (int i = 0; i < width; ++i) to[i] = from[i] * scale;
  }
}

void rope(std::span<float> x, int n, int heads, int head_dim, int position) {
  const prof::Span span(rope_name, dims(n, heads, head_dim));
  const int half = head_dim / 2;
  for (int r = 0; r < n; ++r)
    for (int i = 0; i < half; ++i) {
      const float angle = static_cast<float>(position + r) * std::pow(10000.0f, -2.0f * static_cast<float>(i) / static_cast<float>(head_dim));
      const float c = std::cos(angle), s = std::sin(angle);
      for (int h = 0; h < heads; ++h) {
        float* at = x.data() + (static_cast<std::ptrdiff_t>(r) * heads + h) * head_dim + i;
        const float a = at[0], b = at[half];
        at[0] = a * c - b * s;
        at[half] = b * c + a * s;
      }
    }
}

void attention(std::span<const float> q, std::span<const float> keys, std::span<const float> values, std::span<float> out, int n,
               int heads, int kv_heads, int head_dim, int position) {
  const prof::Span span(attention_name, dims(n, heads, position + n));
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const int group = heads / kv_heads, stride = kv_heads * head_dim;
  std::vector<float> scores(static_cast<std::size_t>(position + n));
  for (int r = 0; r < n; ++r)
    for (int h = 0; h < heads; ++h) {
      const int seen = position + r + 1;
      const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(r) * heads + h) * head_dim;
      const std::ptrdiff_t head = static_cast<std::ptrdiff_t>(h / group) * head_dim;
      float top = -INFINITY;
      for (int t = 0; t < seen; ++t) {
        const float* key = keys.data() + static_cast<std::ptrdiff_t>(t) * stride + head;
        float dot = 0;
        for (int i = 0; i < head_dim; ++i) dot += q[static_cast<std::size_t>(at + i)] * key[i];
        scores[static_cast<std::size_t>(t)] = dot * scale;
        top = std::max(top, dot * scale);
      }
      float sum = 0;
      for (int t = 0; t < seen; ++t) sum += scores[static_cast<std::size_t>(t)] = std::exp(scores[static_cast<std::size_t>(t)] - top);
      float* to = out.data() + at;
      std::fill(to, to + head_dim, 0.0f);
      for (int t = 0; t < seen; ++t) {
        const float weight = scores[static_cast<std::size_t>(t)] / sum;
        const float* value = values.data() + static_cast<std::ptrdiff_t>(t) * stride + head;
        for (int i = 0; i < head_dim; ++i) to[i] += weight * value[i];
      }
    }
}

void silu_mul(std::span<float> gate, std::span<const float> up) {
  const prof::Span span(silu_name, dims(gate.size()));
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void add(std::span<float> x, std::span<const float> y) {
  const prof::Span span(add_name, dims(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

}  // namespace limelight::stages::ops
