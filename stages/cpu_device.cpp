// The CPU: matrix products by oneDNN, everything else here. oneDNN instead of OpenBLAS by measurement: `limelight bench matmul`.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "profiling/span.hpp"
#include "stages/device.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

const prof::NameId linear_name = prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul);
const prof::NameId norm_name = prof::intern("rms_norm", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId rope_name = prof::intern("rope", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId attention_name = prof::intern("attention", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId silu_name = prof::intern("silu_mul", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId add_name = prof::intern("add", prof::Category::cpu_op, prof::ValueKind::dims);

std::uint64_t dims(std::size_t a, std::size_t b = 0, std::size_t c = 0) { return prof::pack_dims(a, b, c); }
std::uint64_t dims(int a, int b, int c = 0) { return dims(static_cast<std::size_t>(a), static_cast<std::size_t>(b), static_cast<std::size_t>(c)); }

// To nearest, ties to even, as the hardware does; NaN stays NaN.
std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

Desc rows_of(int n, int width, Type type) { return {{n, width}, type, Tag::ab}; }

// oneDNN packs weights in blocks that depend on the processor, not on the number of rows, so one packing serves every n; a primitive belongs to
// one n and is made when that n comes for the first time.
struct CpuMatrix final : Matrix {
  struct Product {
    dnnl::matmul primitive;
    Desc x, y;
  };
  Type type = Type::f32;
  dnnl::memory weights;
  mutable std::map<int, Product> products;
  mutable std::vector<std::uint16_t> rounded;  // x in bfloat16
};

class CpuDevice final : public Device {
 public:
  std::string name() const override { return "cpu"; }
  bool is_host() const override { return true; }
  float* allocate(std::size_t floats) override { return static_cast<float*>(::operator new(floats * sizeof(float), std::align_val_t(64))); }
  void free(float* memory) override { ::operator delete(memory, std::align_val_t(64)); }
  void upload(std::span<const float> host, std::span<float> to) override { std::copy(host.begin(), host.end(), to.begin()); }
  void download(std::span<const float> from, std::span<float> host) override { std::copy(from.begin(), from.end(), host.begin()); }
  void copy(std::span<const float> from, std::span<float> to) override { std::copy(from.begin(), from.end(), to.begin()); }

  std::unique_ptr<Matrix> pack(std::span<const float> weights, int out, int in, ipc::DType dtype) override {
    auto matrix = std::make_unique<CpuMatrix>();
    matrix->in = in;
    matrix->out = out;
    // The weights as they come, [out, in], are [in, out] with the columns together.
    std::vector<float> plain(weights.begin(), weights.end());
    if (dtype == ipc::DType::bfloat16)
      for (float& w : plain) w = std::bit_cast<float>(static_cast<std::uint32_t>(to_bfloat16(w)) << 16);
    Desc packed;
    if (dtype == ipc::DType::bfloat16 && fast_bfloat16(in, out, packed)) matrix->type = Type::bf16;
    else packed = describe(1, in, out, Type::f32, Desc({in, out}, Type::f32, Tag::any)).weights_desc();
    dnnl::memory source(Desc({in, out}, Type::f32, Tag::ba), engine_, plain.data());
    matrix->weights = dnnl::memory(packed, engine_);
    dnnl::reorder(source, matrix->weights).execute(stream_, source, matrix->weights);
    stream_.wait();
    return matrix;
  }

  void linear(std::span<const float> x, const Matrix& w, std::span<float> y, int n) override {
    const auto& matrix = static_cast<const CpuMatrix&>(w);
    const prof::Span span(linear_name, dims(n, w.out, w.in));
    auto at = matrix.products.find(n);
    if (at == matrix.products.end()) {
      const auto described = describe(n, w.in, w.out, matrix.type, matrix.weights.get_desc());
      at = matrix.products.emplace(n, CpuMatrix::Product{dnnl::matmul(described), described.src_desc(), described.dst_desc()}).first;
    }
    void* source = const_cast<float*>(x.data());
    if (matrix.type == Type::bf16) {
      matrix.rounded.resize(static_cast<std::size_t>(n) * static_cast<std::size_t>(w.in));
      for (std::size_t i = 0; i < matrix.rounded.size(); ++i) matrix.rounded[i] = to_bfloat16(x[i]);
      source = matrix.rounded.data();
    }
    const CpuMatrix::Product& product = at->second;
    product.primitive.execute(stream_, {{DNNL_ARG_SRC, dnnl::memory(product.x, engine_, source)},
                                        {DNNL_ARG_WEIGHTS, matrix.weights},
                                        {DNNL_ARG_DST, dnnl::memory(product.y, engine_, y.data())}});
    stream_.wait();
  }

  void rms_norm(std::span<const float> x, std::span<float> y, int n, int width) override {
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

  void rope(std::span<float> x, int n, int heads, int head_dim, int position) override {
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

  void attention(std::span<const float> q, std::span<const float> keys, std::span<const float> values, std::span<float> out, int n, int heads,
                 int kv_heads, int head_dim, int position) override {
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

  void silu_mul(std::span<float> gate, std::span<const float> up) override {
    const prof::Span span(silu_name, dims(gate.size()));
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
  }

  void add(std::span<float> x, std::span<const float> y) override {
    const prof::Span span(add_name, dims(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

 private:
  dnnl::matmul::primitive_desc describe(int n, int in, int out, Type type, const Desc& weights) const {
    return {dnnl::matmul::desc(rows_of(n, in, type), weights, rows_of(n, out, Type::f32)), engine_};
  }
  // Whether this processor multiplies bfloat16; elsewhere oneDNN has none, or a reference that is slower than float32.
  bool fast_bfloat16(int in, int out, Desc& packed) const {
    try {
      const auto described = describe(1, in, out, Type::bf16, Desc({in, out}, Type::bf16, Tag::any));
      packed = described.weights_desc();
      return std::string_view(described.impl_info_str()).find("ref") == std::string_view::npos;
    } catch (const dnnl::error&) {
      return false;
    }
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
};

}  // namespace

std::unique_ptr<Device> make_cpu_device() { return std::make_unique<CpuDevice>(); }

}  // namespace limelight::stages
