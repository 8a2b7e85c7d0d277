// The CPU as a device. A row's result is the same bits whether it is computed alone or in a batch,
// because the kernels keep to one order of operations: see cpu_kernels.hpp. `limelight bench
// matmul` compares the products with OpenBLAS.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limelight/span.hpp>
#include <memory>
#include <new>
#include <numbers>
#include <vector>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/work_pool.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

const prof::NameId linear_name =
    prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul);
const prof::NameId norm_name =
    prof::intern("rms_norm", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId rope_name = prof::intern("rope", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId attention_name =
    prof::intern("attention", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId gate_name =
    prof::intern("gate_mul", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId add_name = prof::intern("add", prof::Category::cpu_op, prof::ValueKind::dims);

std::uint64_t dims(std::size_t a, std::size_t b = 0, std::size_t c = 0) {
  return prof::pack_dims(a, b, c);
}
std::uint64_t dims(int a, int b, int c = 0) {
  return dims(static_cast<std::size_t>(a), static_cast<std::size_t>(b),
              static_cast<std::size_t>(c));
}

// Rounds to nearest, ties to even, as the hardware does. NaN stays NaN.
std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float gelu(float x) { return 0.5f * x * (1.0f + std::erf(x * std::numbers::sqrt2_v<float> / 2)); }
float gelu_tanh(float x) {
  constexpr float root = 0.79788456f;  // sqrt(2 / pi)
  return 0.5f * x * (1.0f + std::tanh(root * (x + 0.044715f * x * x * x)));
}

// Memory that starts a line of the cache.
struct Free {
  void operator()(void* memory) const { ::operator delete(memory, std::align_val_t(64)); }
};
template <class T>
std::unique_ptr<T[], Free> aligned(std::size_t count) {
  return std::unique_ptr<T[], Free>(
      static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(64))));
}

// Weights of a stage, packed.
struct PackedMatrix final : Matrix {
  std::unique_ptr<float[], Free> floats;  // one of the two
  std::unique_ptr<std::uint16_t[], Free> bf16;
  PackedRows rows{};
};

// Writes panels [panel, end) of 16 rows, each column by column; a missing row is 0.
template <class T, class Convert>
void pack_panels(std::span<const float> weights,
                 std::size_t rows,
                 std::size_t columns,
                 std::size_t panel,
                 std::size_t end,
                 T* packed,
                 Convert convert) {
  for (; panel < end; ++panel) {
    const std::size_t first = 16 * panel, there = std::min<std::size_t>(16, rows - first);
    const float* from = weights.data() + first * columns;
    T* to = packed + first * columns;
    for (std::size_t column = 0; column < columns; ++column, ++from, to += 16) {
      for (std::size_t row = 0; row < there; ++row) to[row] = convert(from[row * columns]);
      std::fill(to + there, to + 16, T{});
    }
  }
}

// Weights in blocks, where the file is mapped. They are multiplied by cpu_kernels.hpp.
struct BlockMatrix final : Matrix {
  BlockWeights weights;
};

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const CpuOptions& options)
      : activations_(options.activations), pool_(options.threads) {}
  std::string name() const override { return "cpu"; }
  bool is_host() const override { return true; }
  float* allocate(std::size_t floats) override {
    return static_cast<float*>(::operator new(floats * sizeof(float), std::align_val_t(64)));
  }
  void free(float* memory) override { ::operator delete(memory, std::align_val_t(64)); }
  void upload(std::span<const float> host, std::span<float> to) override {
    std::copy(host.begin(), host.end(), to.begin());
  }
  void download(std::span<const float> from, std::span<float> host) override {
    std::copy(from.begin(), from.end(), host.begin());
  }
  void copy(std::span<const float> from, std::span<float> to) override {
    std::copy(from.begin(), from.end(), to.begin());
  }

  std::unique_ptr<Matrix> pack(std::span<const float> weights,
                               int out,
                               int in,
                               ipc::DType dtype) override {
    auto matrix = std::make_unique<PackedMatrix>();
    matrix->in = in;
    matrix->out = out;
    const auto columns = static_cast<std::size_t>(in), rows = static_cast<std::size_t>(out),
               count = (rows + 15) / 16 * 16 * columns;
    const bool bf16 = dtype == ipc::DType::bfloat16;
    if (bf16) matrix->bf16 = aligned<std::uint16_t>(count);
    else matrix->floats = aligned<float>(count);
    const auto fill = [&](std::size_t panel, std::size_t panels_end) {
      if (bf16)
        pack_panels(weights, rows, columns, panel, panels_end, matrix->bf16.get(), to_bfloat16);
      else
        pack_panels(weights, rows, columns, panel, panels_end, matrix->floats.get(),
                    [](float w) { return w; });
    };
    pool_.run((rows + 15) / 16, 1 + (std::size_t{1} << 16) / (16 * columns), fill);
    matrix->rows = {
        .data = bf16 ? static_cast<const void*>(matrix->bf16.get()) : matrix->floats.get(),
        .bf16 = bf16,
        .in = columns,
        .out = rows};
    return matrix;
  }

  std::unique_ptr<Matrix> pack(const BlockWeights& weights, int out, int in) override {
    auto matrix = std::make_unique<BlockMatrix>();
    matrix->in = in;
    matrix->out = out;
    matrix->weights = weights;
    return matrix;
  }

  void linear(std::span<const float> x, const Matrix& w, std::span<float> y, int n) override {
    const prof::Span span(linear_name, dims(n, w.out, w.in));
    if (const auto* blocks = dynamic_cast<const BlockMatrix*>(&w))
      return linear_of_blocks(x, *blocks, y, n);
    const PackedRows& rows = static_cast<const PackedMatrix&>(w).rows;
    // For a small product a second thread costs more than it gains.
    const auto count = static_cast<std::size_t>(n);
    const std::size_t grain = 1 + (std::size_t{1} << 18) / (16 * rows.in * count);
    pool_.run((rows.out + 15) / 16, grain, [&](std::size_t begin, std::size_t end) {
      kernels_.multiply_packed(rows, begin, end, x.data(), count, y.data());
    });
  }

  void rms_norm(std::span<const float> x,
                std::span<float> y,
                int n,
                int width,
                std::span<const float> weight,
                float epsilon) override {
    const prof::Span span(norm_name, dims(n, width));
    for (int r = 0; r < n; ++r) {
      const float* from = x.data() + static_cast<std::ptrdiff_t>(r) * width;
      float* to = y.data() + static_cast<std::ptrdiff_t>(r) * width;
      const float sum = kernels_.dot(from, from, static_cast<std::size_t>(width));
      const float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + epsilon);
      if (weight.empty())
        for (int i = 0; i < width; ++i) to[i] = from[i] * scale;
      else
        for (int i = 0; i < width; ++i)
          to[i] = from[i] * scale * weight[static_cast<std::size_t>(i)];
    }
  }

  void place(const Placement& placement) override {
    placement_ = &placement;
    angles_.clear();
  }

  void rope(std::span<float> x, int heads, int head_dim, const Rope& rope) override {
    const int n = placement_->rows();
    const prof::Span span(rope_name, dims(n, heads, head_dim));
    const int half = rope.frequencies.empty() ? head_dim / 2
                                              : static_cast<int>(rope.frequencies.size()),
              apart = rope.interleaved ? 1 : half, step = rope.interleaved ? 2 : 1;
    const std::vector<Angle>& angles = angles_for(rope, half);
    for (int r = 0; r < n; ++r)
      for (int h = 0; h < heads; ++h) {
        float* at = x.data() + (static_cast<std::ptrdiff_t>(r) * heads + h) * head_dim;
        const Angle* angle = angles.data() + static_cast<std::ptrdiff_t>(r) * half;
        for (int i = 0; i < half; ++i, ++angle, at += step) {
          const float a = at[0], b = at[apart];
          at[0] = a * angle->cos - b * angle->sin;
          at[apart] = b * angle->cos + a * angle->sin;
        }
      }
  }

  void store(std::span<const float> rows, std::span<float> cache, int width) override {
    const std::size_t bytes = static_cast<std::size_t>(width) * sizeof(float);
    for (std::size_t r = 0; r < placement_->slots.size(); ++r)
      std::memcpy(cache.data() + static_cast<std::ptrdiff_t>(placement_->slots[r]) * width,
                  rows.data() + static_cast<std::ptrdiff_t>(r) * width, bytes);
  }

  void attention(std::span<const float> q,
                 std::span<const float> keys,
                 std::span<const float> values,
                 std::span<float> out,
                 const AttentionShape& shape) override {
    const Placement& p = *placement_;
    const int n = p.rows(), heads = shape.heads, head_dim = shape.head_dim;
    const int longest = *std::max_element(p.positions.begin(), p.positions.end()) + 1;
    const prof::Span span(attention_name, dims(n, heads, longest));
    const float scale =
        shape.scale != 0 ? shape.scale : 1.0f / std::sqrt(static_cast<float>(head_dim));
    const int group = heads / shape.kv_heads, stride = shape.kv_heads * head_dim;
    const auto width = static_cast<std::size_t>(head_dim);
    // One piece of work is one head of one row; all rows of a head come one after the other, so
    // that threads get equal shares of a prompt. For a few positions a second thread costs more
    // than it gains.
    const std::size_t pieces = static_cast<std::size_t>(n) * static_cast<std::size_t>(heads);
    std::size_t positions = 0;
    for (const std::int32_t position : p.positions)
      positions += static_cast<std::size_t>(position) + 1;
    const bool alone = positions * static_cast<std::size_t>(heads) < 4096;
    pool_.run(pieces, alone ? pieces : 1, [&](std::size_t begin, std::size_t end) {
      std::vector<float> scores(static_cast<std::size_t>(longest));
      for (std::size_t piece = begin; piece < end; ++piece) {
        const auto r = piece % static_cast<std::size_t>(n);
        const int h = static_cast<int>(piece / static_cast<std::size_t>(n)),
                  end_position = p.positions[r] + 1,
                  first = shape.window > 0 ? std::max(0, end_position - shape.window) : 0;
        const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(r) * heads + h) * head_dim,
                             head = static_cast<std::ptrdiff_t>(h / group) * head_dim;
        const std::int32_t* table =
            p.tables.data() + static_cast<std::ptrdiff_t>(p.sequences[r]) * p.table_width;
        // Calls `each` with the place of every position that is seen, counted from the first one,
        // and the offset of its row in the caches.
        const auto walk = [&](const auto& each) {
          for (int t = first; t < end_position;) {
            const int in_block = t % p.block_size;
            std::ptrdiff_t row =
                static_cast<std::ptrdiff_t>(table[t / p.block_size]) * p.block_size + in_block;
            for (const int stop = std::min(end_position, t + p.block_size - in_block); t < stop;
                 ++t, ++row)
              each(t - first, row * stride + head);
          }
        };
        float top = -INFINITY;
        walk([&](int t, std::ptrdiff_t row) {
          float score = scale * kernels_.dot(q.data() + at, keys.data() + row, width);
          if (shape.cap != 0) score = shape.cap * std::tanh(score / shape.cap);
          scores[static_cast<std::size_t>(t)] = score;
          top = std::max(top, score);
        });
        const float sum =
            kernels_.exp_sum(scores.data(), top, static_cast<std::size_t>(end_position - first));
        float* to = out.data() + at;
        std::fill(to, to + head_dim, 0.0f);
        walk([&](int t, std::ptrdiff_t row) {
          kernels_.add_scaled(scores[static_cast<std::size_t>(t)] / sum, values.data() + row, to,
                              width);
        });
      }
    });
  }

  void gate_mul(std::span<float> gate, std::span<const float> up, Activation activation) override {
    const prof::Span span(gate_name, dims(gate.size()));
    if (activation == Activation::silu)
      return kernels_.silu_mul(gate.data(), up.data(), gate.size());
    for (std::size_t i = 0; i < gate.size(); ++i)
      gate[i] = (activation == Activation::gelu ? gelu(gate[i]) : gelu_tanh(gate[i])) * up[i];
  }

  void gather(std::span<const float> x,
              std::span<const std::int32_t> rows,
              std::span<float> out,
              int width) override {
    const auto count = static_cast<std::size_t>(width);
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::copy_n(x.data() + static_cast<std::size_t>(rows[i]) * count, count,
                  out.data() + i * count);
  }

  void add_rows(std::span<const float> y,
                std::span<const std::int32_t> rows,
                std::span<const float> weights,
                std::span<float> x,
                int width) override {
    const prof::Span span(add_name, dims(y.size()));
    const auto count = static_cast<std::size_t>(width);
    for (std::size_t i = 0; i < rows.size(); ++i)
      kernels_.add_scaled(weights[i], y.data() + i * count,
                          x.data() + static_cast<std::size_t>(rows[i]) * count, count);
  }

  void clear(std::span<float> x) override { std::fill(x.begin(), x.end(), 0.0f); }

  void add(std::span<float> x, std::span<const float> y) override {
    const prof::Span span(add_name, dims(x.size()));
    for (std::size_t row = 0; row < x.size(); row += y.size())
      for (std::size_t i = 0; i < y.size(); ++i) x[row + i] += y[i];
  }

 private:
  struct Angle {
    float cos, sin;
  };
  struct TurnedRows {
    const float* frequencies;
    float scale;
    int half;
    std::vector<Angle> angles;
  };
  // [rows, half]; all layers of a step that have the same rope share them.
  const std::vector<Angle>& angles_for(const Rope& rope, int half) {
    for (const TurnedRows& turned : angles_)
      if (turned.frequencies == rope.frequencies.data() && turned.scale == rope.scale &&
          turned.half == half)
        return turned.angles;
    angles_.push_back({rope.frequencies.data(), rope.scale, half, {}});
    std::vector<Angle>& angles = angles_.back().angles;
    const std::vector<std::int32_t>&positions = placement_->positions, &turns = placement_->turns;
    for (std::size_t r = 0; r < positions.size(); ++r)
      for (int i = 0; i < half; ++i) {
        const std::int32_t position =
            turns.empty() ? positions[r]
                          : turns[static_cast<std::size_t>(rope.axis(i)) * positions.size() + r];
        const float frequency =
            rope.frequencies.empty()
                ? std::pow(10000.0f, -2.0f * static_cast<float>(i) / static_cast<float>(2 * half))
                : rope.frequencies[static_cast<std::size_t>(i)];
        const float angle = static_cast<float>(position) * frequency;
        angles.push_back({rope.scale * std::cos(angle), rope.scale * std::sin(angle)});
      }
    return angles;
  }

  void linear_of_blocks(std::span<const float> x,
                        const BlockMatrix& matrix,
                        std::span<float> y,
                        int n) {
    const BlockWeights& w = matrix.weights;
    const auto in = static_cast<std::size_t>(matrix.in), out = static_cast<std::size_t>(matrix.out),
               rows = static_cast<std::size_t>(n);
    const bool as_bf16 = activations_ == Activations::bfloat16 && w.type == WeightType::bf16;
    const bool as_floats =
        !as_bf16 && (activations_ == Activations::float32 || block_format(w.type).values == 1);
    if (as_bf16) {
      rounded_.resize(rows * in);
      kernels_.round_bf16(x.data(), rounded_.size(), rounded_.data());
    } else if (!as_floats) {
      values_.resize(rows * in);
      scales_.resize(rows * in / 32);
      sums_.resize(rows * in / 32);
      halves_.resize(rows * in / 16);
      for (std::size_t r = 0; r < rows; ++r)
        kernels_.quantise(x.data() + r * in, in, values_.data() + r * in,
                          scales_.data() + r * in / 32, sums_.data() + r * in / 32,
                          halves_.data() + r * in / 16);
    }
    const QuantisedRows quantised{values_.data(), scales_.data(), sums_.data(), halves_.data()};
    pool_.run(out, 16, [&](std::size_t begin, std::size_t end) {
      if (!as_bf16 && !as_floats) {
        const auto scratch = aligned<std::byte>(scratch_bytes(in));
        kernels_.dot_blocks({.type = w.type,
                             .data = w.data + begin * w.row_bytes,
                             .row_bytes = w.row_bytes,
                             .rows = end - begin,
                             .cols = in},
                            quantised, rows, scratch.get(), y.data() + begin, out);
        return;
      }
      for (std::size_t row = begin; row < end; ++row) {
        const std::byte* weights = w.data + row * w.row_bytes;
        if (as_bf16) kernels_.dot_bf16(weights, in, rounded_.data(), rows, y.data() + row, out);
        else kernels_.dot_floats(w.type, weights, in, x.data(), rows, y.data() + row, out);
      }
    });
  }

  const CpuKernels& kernels_ = cpu_kernels();
  const Activations activations_;
  WorkPool pool_;
  std::vector<std::int8_t> values_;  // scratch: quantised rows of x
  std::vector<float> scales_, sums_;
  std::vector<std::int16_t> halves_;
  std::vector<std::uint16_t> rounded_;
  const Placement* placement_ = nullptr;
  std::vector<TurnedRows> angles_;  // of placement_
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(const CpuOptions& options) {
  return std::make_unique<CpuDevice>(options);
}

}  // namespace limelight::stages
