// A device: memory, and the operations that stages are made of, each recorded as one span. The CPU
// is one; a CUDA device is another behind the same functions, so that no stage knows which one it
// runs on.
//
// Spans that an operation takes lie in the device's memory; upload() and download() move rows
// between it and the host. Matrices are row-major and dense. Values are float32; weights may be
// bfloat16, sums are float32. One thread uses a device. Operations on sizes that do not fit are the
// caller's error. A device that breaks down while it computes ends its process, and with it the
// requests, with what it said in the log.
#pragma once

#include <cstddef>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "profiling/record/device_activity.hpp"
#include "stages/devices/blocks.hpp"

namespace limelight::stages {

// Weights [out, in] in the layout that their device likes best.
class Matrix {
 public:
  virtual ~Matrix() = default;
  int in = 0, out = 0;
};

// Weights in blocks as a model file has them, and what keeps them in memory.
struct BlockWeights {
  WeightType type;
  const std::byte* data;  // of the first row
  std::size_t row_bytes;  // from row to row
  std::shared_ptr<const void> keep;
};

// Rotary embedding (Su et al. 2021).
struct Rope {
  std::span<const float> frequencies;  // [head_dim / 2], in the device's memory; empty: base 10 000
  bool interleaved = false;            // pairs are neighbours; otherwise the halves of a head
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;  // "cpu" or "cuda:0"
  virtual bool is_host() const = 0;      // its memory is the host's
  // Waits until everything given to the device is done. Callable from any thread.
  virtual void synchronise() {}
  // What the trace says of it; nothing of the host.
  virtual std::vector<profiling::DeviceProperties> properties() const { return {}; }

  virtual float* allocate(std::size_t floats) = 0;  // 64-byte aligned, not initialised
  virtual void free(float* memory) = 0;
  virtual void upload(std::span<const float> host, std::span<float> to) = 0;
  virtual void download(std::span<const float> from, std::span<float> host) = 0;
  virtual void copy(std::span<const float> from, std::span<float> to) = 0;

  // weights: [out, in] on the host. dtype: float32 or bfloat16; a device without products in
  // bfloat16 rounds the weights to it and computes in float32.
  virtual std::unique_ptr<Matrix> pack(std::span<const float> weights,
                                       int out,
                                       int in,
                                       ipc::DType dtype) = 0;
  // The same of weights that stay where they are, if the device can read them there; in: whole
  // blocks.
  virtual std::unique_ptr<Matrix> pack(const BlockWeights& weights, int out, int in);
  // y [n, out] = x [n, in] * w^T
  virtual void linear(std::span<const float> x, const Matrix& w, std::span<float> y, int n) = 0;
  // Each row over its root mean square (Zhang, Sennrich 2019), times weight [width]; an empty one
  // is ones. In and out may be the same.
  virtual void rms_norm(std::span<const float> x,
                        std::span<float> y,
                        int n,
                        int width,
                        std::span<const float> weight,
                        float epsilon) = 0;
  // x: [n, heads, head_dim], first row at `position`.
  virtual void rope(
      std::span<float> x, int n, int heads, int head_dim, int position, const Rope& rope) = 0;
  // Causal grouped-query attention. q, out: [n, heads, head_dim]; keys, values: [position + n,
  // kv_heads, head_dim].
  virtual void attention(std::span<const float> q,
                         std::span<const float> keys,
                         std::span<const float> values,
                         std::span<float> out,
                         int n,
                         int heads,
                         int kv_heads,
                         int head_dim,
                         int position) = 0;
  // gate = silu(gate) * up
  virtual void silu_mul(std::span<float> gate, std::span<const float> up) = 0;
  // x += y; a shorter y is added to each row of x.
  virtual void add(std::span<float> x, std::span<const float> y) = 0;
};

// Floats in a device's memory. Grows like a vector; what is new is not initialised.
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
};

// linear() on rows of the host, wherever the device computes.
void linear_of_host(
    Device& device, std::span<const float> x, const Matrix& w, std::span<float> y, int n);

// wish: "cpu"; "cuda:<n>"; or "<n>" as vLLM-Omni's configs have it, which is that GPU where there
// is one and the CPU elsewhere, as is "auto". Lists such as "0,1" give the i-th rank of a stage the
// i-th entry. notice: what was chosen and why, if that is not what was asked for. Errors:
// invalid_argument (another wish), unavailable (cuda:<n> without such a GPU; says what is missing).
Result<std::unique_ptr<Device>> make_device(const std::string& wish,
                                            int rank_in_stage,
                                            std::string& notice,
                                            const CpuOptions& cpu = {});
// Whether a wish can be understood at all.
bool is_device_wish(const std::string& wish);

std::unique_ptr<Device> make_cpu_device(const CpuOptions& options = {});
// Errors: unavailable: built without CUDA, no driver, no such GPU.
Result<std::unique_ptr<Device>> make_cuda_device(int index);

}  // namespace limelight::stages
