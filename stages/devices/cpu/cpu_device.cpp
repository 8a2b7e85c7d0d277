// The CPU as a device. A row's result is the same bits whether it is computed alone or in a batch,
// because the kernels keep to one order of operations: see cpu_kernels.hpp. `limelight bench
// matmul` compares the products with OpenBLAS.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limelight/span.hpp>
#include <memory>
#include <new>
#include <vector>

#include "profiling/record/record.hpp"
#include "stages/devices/activations.hpp"
#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/packed_matrix.hpp"
#include "stages/devices/cpu/work_pool.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

constexpr auto small_kind = prof::Activity::small_operation;

prof::NameId small_operation(const char* name) {
  return prof::intern(name, prof::Category::cpu_op, prof::ValueKind::dims, false, small_kind);
}

const prof::NameId linear_name =
    prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul);
const prof::NameId convolve_name =
    prof::intern("convolve", prof::Category::cpu_op, prof::ValueKind::matmul);
const prof::NameId snake_name = small_operation("snake");
const prof::NameId norm_name = small_operation("rms_norm");
const prof::NameId rope_name = small_operation("rope");
const prof::NameId attention_name =
    prof::intern("attention", prof::Category::cpu_op, prof::ValueKind::dims);
const prof::NameId gate_name = small_operation("gate_mul");
const prof::NameId add_name = small_operation("add");

const prof::NameId pack_name =
    prof::intern("pack weights", prof::Category::cpu_op, prof::ValueKind::bytes);

std::uint64_t dims(std::size_t a, std::size_t b = 0, std::size_t c = 0) {
  return prof::pack_dims(a, b, c);
}
std::uint64_t dims(int a, int b, int c = 0) {
  return dims(static_cast<std::size_t>(a), static_cast<std::size_t>(b),
              static_cast<std::size_t>(c));
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
    const std::uint64_t bytes = packed_bytes(out, in, dtype);
    const prof::Span span(pack_name, bytes);
    try {
      auto matrix = pack_matrix(weights, out, in, dtype, pool_);
      matrix->hold = prof::MemoryHold(prof::MemorySpace::host, prof::MemoryHolder::weights, bytes);
      matrix->product = prof::intern_product("linear", dtype == ipc::DType::bfloat16 ? 1600 : 3200);
      return matrix;
    } catch (const std::bad_alloc&) {
      prof::memory_ledger().failed(prof::MemorySpace::host, prof::MemoryHolder::weights, bytes);
      throw;
    }
  }

  std::unique_ptr<Matrix> pack(const BlockWeights& weights, int out, int in) override {
    auto matrix = std::make_unique<BlockMatrix>();
    matrix->in = in;
    matrix->out = out;
    matrix->weights = weights;
    if (in > 0)
      matrix->product = prof::intern_product(
          "linear",
          static_cast<std::uint32_t>(weights.row_bytes * 800 / static_cast<std::size_t>(in)));
    matrix->hold = prof::MemoryHold(prof::MemorySpace::host, prof::MemoryHolder::mapped_weights,
                                    static_cast<std::uint64_t>(out) * weights.row_bytes);
    return matrix;
  }

  void linear(std::span<const float> x, const Matrix& w, std::span<float> y, int n) override {
    const prof::Span span(prof::Activity::cpu, w.product != 0 ? w.product : linear_name,
                          dims(n, w.out, w.in));
    if (const auto* blocks = dynamic_cast<const BlockMatrix*>(&w))
      return linear_of_blocks(x, *blocks, y, n);
    multiply(w, {x.data(), static_cast<std::size_t>(w.in), 1, 0}, nullptr, y, n);
  }

  void convolve(std::span<const float> x,
                const Matrix& w,
                std::span<const float> bias,
                std::span<float> y,
                int n,
                int taps,
                int dilation) override {
    if (dynamic_cast<const PackedMatrix*>(&w) == nullptr)
      return Device::convolve(x, w, bias, y, n, taps, dilation);
    const prof::Span span(prof::Activity::cpu, convolve_name, dims(n, w.out, w.in));
    const auto width = static_cast<std::size_t>(w.in / taps);
    multiply(w,
             {x.data(), width, static_cast<std::size_t>(taps),
              static_cast<std::size_t>(dilation) * width},
             bias.empty() ? nullptr : bias.data(), y, n);
  }

  void snake(std::span<const float> x,
             std::span<float> y,
             std::span<const float> frequencies,
             std::span<const float> amplitudes) override {
    const prof::Span span(small_kind, snake_name, dims(x.size()));
    const std::size_t width = frequencies.size();
    pool_.run(x.size() / width, 1 + (1 << 14) / width, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin * width; row < end * width; row += width)
        kernels_.snake(x.data() + row, frequencies.data(), amplitudes.data(), y.data() + row,
                       width);
    });
  }

  void rms_norm(std::span<const float> x,
                std::span<float> y,
                int n,
                int width,
                std::span<const float> weight,
                float epsilon) override {
    const prof::Span span(small_kind, norm_name, dims(n, width));
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
    const prof::Span span(small_kind, rope_name, dims(n, heads, head_dim));
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
    const prof::Span span(prof::Activity::cpu, attention_name, dims(n, heads, longest));
    const float scale =
        shape.scale != 0 ? shape.scale : 1.0f / std::sqrt(static_cast<float>(head_dim));
    const auto group = static_cast<std::size_t>(heads / shape.kv_heads),
               width = static_cast<std::size_t>(head_dim),
               stride = static_cast<std::size_t>(shape.kv_heads) * width,
               room = static_cast<std::size_t>(longest);
    // One piece of work is one key-value head of one row, with the heads of queries that share it;
    // all rows of a head come one after the other, so that threads get equal shares of a prompt.
    // For a few positions a second thread costs more than it gains.
    const auto rows = static_cast<std::size_t>(n);
    const std::size_t pieces = rows * static_cast<std::size_t>(shape.kv_heads);
    std::size_t positions = 0;
    for (const std::int32_t position : p.positions)
      positions += static_cast<std::size_t>(position) + 1;
    const bool alone = positions * static_cast<std::size_t>(heads) < 4096;
    pool_.run(pieces, alone ? pieces : 1, [&](std::size_t begin, std::size_t end) {
      std::vector<float> scores(group * room);
      for (std::size_t piece = begin; piece < end; ++piece) {
        const std::size_t r = piece % rows, head = piece / rows;
        const int end_position = p.positions[r] + 1,
                  first = shape.window > 0 ? std::max(0, end_position - shape.window) : 0;
        const auto seen = static_cast<std::size_t>(end_position - first);
        const std::size_t at = (r * static_cast<std::size_t>(heads) + head * group) * width;
        const std::int32_t* table =
            p.tables.data() + static_cast<std::ptrdiff_t>(p.sequences[r]) * p.table_width;
        // Calls `each` for every block that is seen: with the place of its first position, counted
        // from the first one that is seen, and with the head's rows of the block.
        const auto walk = [&](std::span<const float> cache, const auto& each) {
          for (int t = first; t < end_position;) {
            const int in_block = t % p.block_size,
                      stop = std::min(end_position, t + p.block_size - in_block);
            const std::size_t row = static_cast<std::size_t>(table[t / p.block_size]) *
                                        static_cast<std::size_t>(p.block_size) +
                                    static_cast<std::size_t>(in_block);
            each(static_cast<std::size_t>(t - first),
                 CachedRows{.data = cache.data() + row * stride + head * width,
                            .stride = stride,
                            .count = static_cast<std::size_t>(stop - t),
                            .width = width});
            t = stop;
          }
        };
        walk(keys, [&](std::size_t t, const CachedRows& some) {
          kernels_.score_keys(q.data() + at, some, group, scores.data() + t, room);
        });
        for (std::size_t h = 0; h < group; ++h)
          soften(std::span(scores).subspan(h * room, seen), scale, shape.cap);
        std::fill_n(out.data() + at, group * width, 0.0f);
        walk(values, [&](std::size_t t, const CachedRows& some) {
          kernels_.add_weighted(scores.data() + t, room, some, group, out.data() + at);
        });
      }
    });
  }

  void gate_mul(std::span<float> gate, std::span<const float> up, Activation activation) override {
    const prof::Span span(small_kind, gate_name, dims(gate.size()));
    if (activation == Activation::silu)
      return kernels_.silu_mul(gate.data(), up.data(), gate.size());
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = activated(gate[i], activation) * up[i];
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
    const prof::Span span(small_kind, add_name, dims(y.size()));
    const auto count = static_cast<std::size_t>(width);
    for (std::size_t i = 0; i < rows.size(); ++i)
      kernels_.add_scaled(weights[i], y.data() + i * count,
                          x.data() + static_cast<std::size_t>(rows[i]) * count, count);
  }

  void clear(std::span<float> x) override { std::fill(x.begin(), x.end(), 0.0f); }

  void add(std::span<float> x, std::span<const float> y) override {
    const prof::Span span(small_kind, add_name, dims(x.size()));
    if (x.size() == y.size())
      return pool_.run(x.size(), 1 << 15, [&](std::size_t begin, std::size_t end) {
        kernels_.add_scaled(1, y.data() + begin, x.data() + begin, end - begin);
      });
    for (std::size_t row = 0; row < x.size(); row += y.size())
      kernels_.add_scaled(1, y.data(), x.data() + row, y.size());
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
            turns.empty()
                ? positions[r]
                : turns[static_cast<std::size_t>(rope.axis(i, half)) * positions.size() + r];
        const float frequency =
            rope.frequencies.empty()
                ? std::pow(10000.0f, -2.0f * static_cast<float>(i) / static_cast<float>(2 * half))
                : rope.frequencies[static_cast<std::size_t>(i)];
        const float angle = static_cast<float>(position) * frequency;
        angles.push_back({rope.scale * std::cos(angle), rope.scale * std::sin(angle)});
      }
    return angles;
  }

  // Softmax of the scores of one head.
  void soften(std::span<float> scores, float scale, float cap) const {
    float top = -INFINITY;
    for (float& score : scores) {
      score *= scale;
      if (cap != 0) score = cap * std::tanh(score / cap);
      top = std::max(top, score);
    }
    const float sum = kernels_.exp_sum(scores.data(), top, scores.size());
    for (float& score : scores) score /= sum;
  }

  // Rows of y are computed each for itself, so threads share either the rows or the panels.
  void multiply(
      const Matrix& w, const RowsOfFloats& x, const float* bias, std::span<float> y, int n) {
    const PackedRows& rows = static_cast<const PackedMatrix&>(w).rows;
    const auto count = static_cast<std::size_t>(n);
    if (count >= 256 && count * sizeof(float) * x.stride > rows.out * rows.in)
      return pool_.run(count, 96, [&](std::size_t begin, std::size_t end) {
        kernels_.multiply_packed(rows, 0, (rows.out + 15) / 16, x.from(begin), end - begin, bias,
                                 y.data() + begin * rows.out);
      });
    // For a small product a second thread costs more than it gains.
    const std::size_t grain = 1 + (std::size_t{1} << 18) / (16 * rows.in * count);
    pool_.run((rows.out + 15) / 16, grain, [&](std::size_t begin, std::size_t end) {
      kernels_.multiply_packed(rows, begin, end, x, count, bias, y.data());
    });
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
