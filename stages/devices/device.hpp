// A device: memory, and the operations that stages consist of. Each operation is recorded as one
// span. Stages use only this interface, so they do not know whether they run on the CPU (cpu/) or
// on a GPU (cuda/).
//
//   - Spans that an operation takes are in the device's memory. upload() and download() copy rows
//     from and to the host.
//   - Matrices are row-major and dense. Values and sums are float32; weights may be bfloat16.
//   - Sizes are not checked: sizes that do not match are a bug of the caller.
//   - What an operation computes for a row does not depend on the other rows, to the last bit: a
//     request has the same output whatever else is in the batch.
//   - Operations that are not pure virtual have a definition for every device, which computes
//     on the host (host_operations.cpp).
//   - One thread uses a device; only synchronise() may be called from others.
//   - A device that fails during an operation writes the reason to standard error and ends the
//     process. The orchestrator then reports the rank as failed.
#pragma once

#include <cstddef>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <limelight/span.hpp>
#include <limelight/tensor.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "profiling/record/device_activity.hpp"
#include "profiling/record/memory_ledger.hpp"
#include "stages/devices/blocks.hpp"

namespace limelight::stages {

// Weights [out, in], in a layout that only their device knows.
class Matrix {
 public:
  virtual ~Matrix() = default;
  int in = 0, out = 0;
  profiling::NameId product = 0;  // of the spans of its products; 0: of no known size of weights
  profiling::MemoryHold hold;     // of its memory: the device that packs it says how much
};

// Weights in blocks, as a model file has them. `keep` owns the memory.
struct BlockWeights {
  WeightType type;
  const std::byte* data;  // the first row
  std::size_t row_bytes;  // distance from one row to the next
  std::shared_ptr<const void> keep;
};

// Where the rows of a step belong: row i is at positions[i] of sequence sequences[i], and its keys
// and values are row slots[i] of the caches. Caches consist of blocks of block_size rows; the rows
// of sequence s are in the blocks tables[s * table_width], tables[s * table_width + 1] and so on.
struct Placement {
  std::vector<std::int32_t> positions, sequences, slots;  // one for each row
  std::vector<std::int32_t> tables;                       // [sequences, table_width]
  // By what rope() turns the rows: time, height and width of each, [3, rows]. Empty: all by
  // `positions`.
  std::vector<std::int32_t> turns = {};
  int table_width = 0, block_size = 16;
  int rows() const noexcept { return static_cast<int>(positions.size()); }
};

// A RopeShape with its frequencies in the device's memory; empty: base 10 000, all pairs.
struct Rope {
  std::span<const float> frequencies;
  float scale = 1;
  bool interleaved = false;
  int height = 0, width = 0;
  bool sections = false;
  // The row of Placement::turns that pair i of `pairs` turns by.
  int axis(int i, int pairs) const noexcept {
    if (sections) return i >= pairs - width ? 2 : i >= pairs - width - height ? 1 : 0;
    return i % 3 == 1 && i < 3 * height ? 1 : i % 3 == 2 && i < 3 * width ? 2 : 0;
  }
};

// Causal grouped-query attention. See DecoderShape and LayerShape for the last three.
struct AttentionShape {
  int heads = 1, kv_heads = 1, head_dim = 1;
  float scale = 0;  // 0: 1 / sqrt(head_dim)
  float cap = 0;
  int window = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;  // "cpu" or "cuda:0"
  virtual bool is_host() const = 0;      // the host can read and write its memory
  profiling::MemorySpace space() const {
    return is_host() ? profiling::MemorySpace::host : profiling::MemorySpace::device;
  }
  // Waits until all operations that were started are done. May be called from any thread.
  virtual void synchronise() {}
  // The properties that the trace states. The CPU has none.
  virtual std::vector<profiling::DeviceProperties> properties() const { return {}; }

  virtual float* allocate(std::size_t floats) = 0;  // 64-byte aligned, not initialised
  virtual void free(float* memory) = 0;
  virtual void upload(std::span<const float> host, std::span<float> to) = 0;
  virtual void download(std::span<const float> from, std::span<float> host) = 0;
  virtual void copy(std::span<const float> from, std::span<float> to) = 0;

  // Packs weights, [out, in] on the host. dtype: float32 or bfloat16. A device without products in
  // bfloat16 rounds the weights to bfloat16 and computes in float32.
  virtual std::unique_ptr<Matrix> pack(std::span<const float> weights,
                                       int out,
                                       int in,
                                       ipc::DType dtype) = 0;
  // Packs weights in blocks, without a copy if the device can read them where they are. `in` must
  // be a whole number of blocks. The default unpacks them to float32.
  virtual std::unique_ptr<Matrix> pack(const BlockWeights& weights, int out, int in);
  // y [n, out] = x [n, in] * w^T
  virtual void linear(std::span<const float> x, const Matrix& w, std::span<float> y, int n) = 0;
  // y [n, out] = bias + the products of w, [out, taps * width], with n rows of x, [n + (taps - 1) *
  // dilation, width]: row i of them is x[i], x[i + dilation] and so on, one after the other. This
  // is a convolution over time whose past comes first in x. bias: [out], or empty.
  virtual void convolve(std::span<const float> x,
                        const Matrix& w,
                        std::span<const float> bias,
                        std::span<float> y,
                        int n,
                        int taps,
                        int dilation);
  // The same for channels that do not mix: w: [taps, width], y: [n, width], dilation 1.
  virtual void convolve_channels(
      std::span<const float> x, std::span<const float> w, std::span<float> y, int n, int width);
  // y = x + amplitudes * sin(frequencies * x)^2 for each row (Snake: Ziyin, Hartwig, Ueda 2020).
  // frequencies, amplitudes: [width]. x and y may be the same memory.
  virtual void snake(std::span<const float> x,
                     std::span<float> y,
                     std::span<const float> frequencies,
                     std::span<const float> amplitudes);
  // y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias for each row (Ba, Kiros, Hinton
  // 2016). weight, bias: [width]. x and y may be the same memory.
  virtual void layer_norm(std::span<const float> x,
                          std::span<float> y,
                          std::span<const float> weight,
                          std::span<const float> bias,
                          float epsilon);
  // x = activation(x)
  virtual void activate(std::span<float> x, Activation activation);
  // y = x / sqrt(mean(x^2) + epsilon) * weight for each row (Zhang, Sennrich 2019). weight:
  // [width]; empty: all 1. x and y may be the same memory.
  virtual void rms_norm(std::span<const float> x,
                        std::span<float> y,
                        int n,
                        int width,
                        std::span<const float> weight,
                        float epsilon) = 0;
  // Says which rows the following rope(), store() and attention() work on. `placement` is not used
  // after the next place().
  virtual void place(const Placement& placement) = 0;
  // Rotates x, [rows, heads, head_dim], each row by its position.
  virtual void rope(std::span<float> x, int heads, int head_dim, const Rope& rope) = 0;
  // Puts each row of `rows`, [rows, width], into its slot of a cache, [slots, width].
  virtual void store(std::span<const float> rows, std::span<float> cache, int width) = 0;
  // Attention of each row to its sequence, its own position included. q, out: [rows, heads,
  // head_dim]; keys, values: caches, [slots, kv_heads, head_dim].
  virtual void attention(std::span<const float> q,
                         std::span<const float> keys,
                         std::span<const float> values,
                         std::span<float> out,
                         const AttentionShape& shape) = 0;
  // gate = activation(gate) * up
  virtual void gate_mul(std::span<float> gate,
                        std::span<const float> up,
                        Activation activation) = 0;
  // out[i] = x[rows[i]]. x, out: of `width` numbers a row. rows: on the host.
  virtual void gather(std::span<const float> x,
                      std::span<const std::int32_t> rows,
                      std::span<float> out,
                      int width) = 0;
  // x[rows[i]] += weights[i] * y[i], in the order of i. No row is named twice. rows, weights: on
  // the host.
  virtual void add_rows(std::span<const float> y,
                        std::span<const std::int32_t> rows,
                        std::span<const float> weights,
                        std::span<float> x,
                        int width) = 0;
  virtual void clear(std::span<float> x) = 0;  // to 0
  // x += y. A y that is shorter than x is one row, and is added to each row of x.
  virtual void add(std::span<float> x, std::span<const float> y) = 0;
};

// An array of floats in a device's memory. It grows like a vector, but new elements are not
// initialised. It is in the ledger of memory, under the holder of the scope that it grows in.
class Array {
 public:
  explicit Array(Device& device, std::size_t size = 0) : device_(&device) { resize(size); }
  Array(Array&& other) noexcept;
  Array& operator=(Array&& other) noexcept;
  ~Array();
  void resize(std::size_t size);
  std::size_t size() const noexcept { return size_; }
  std::span<float> span() noexcept { return {data_, size_}; }
  std::span<const float> span() const noexcept { return {data_, size_}; }

 private:
  Device* device_;
  float* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
  profiling::MemoryHold hold_;
};

// Computes linear() on rows in the host's memory, copying them to the device and back if need be.
void linear_of_host(
    Device& device, std::span<const float> x, const Matrix& w, std::span<float> y, int n);

// Makes the device that a config asks for. An entry of `wish` is one of
//
//   entry     device                        if the GPU is missing
//   cpu       the CPU
//   cuda:<n>  GPU n                         error: unavailable
//   <n>       GPU n (as in vLLM-Omni)       the CPU
//   auto      GPU 0                         the CPU
//
// In a list such as "0,1" rank i of a stage gets entry i, modulo the length of the list. notice:
// set to the reason if the CPU replaces a missing GPU. Errors: invalid_argument (not one of these),
// unavailable (says what is missing).
Result<std::unique_ptr<Device>> make_device(const std::string& wish,
                                            int rank_in_stage,
                                            std::string& notice,
                                            const CpuOptions& cpu = {});
// True if make_device() would understand every entry of `wish`.
bool is_device_wish(const std::string& wish);

std::unique_ptr<Device> make_cpu_device(const CpuOptions& options = {});
// Errors: unavailable (built without CUDA, no driver, or no such GPU).
Result<std::unique_ptr<Device>> make_cuda_device(int index);

}  // namespace limelight::stages
