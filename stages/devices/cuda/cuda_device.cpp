// A GPU as a device. The CUDA runtime is linked statically and loads the driver at its first call,
// so the same binary also starts on a machine without a driver.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/log.hpp"
#include "profiling/record/correlated_span.hpp"
#include "profiling/record/record.hpp"
#include "stages/devices/cuda/cuda_kernels.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

constexpr bool correlated = true;
constexpr auto small_kind = prof::Activity::small_operation;

prof::NameId small_operation(const char* name) {
  return prof::intern(name, prof::Category::cpu_op, prof::ValueKind::dims, correlated, small_kind);
}
const prof::NameId linear_name =
    prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul, correlated);
const prof::NameId norm_name = small_operation("rms_norm");
const prof::NameId rope_name = small_operation("rope");
const prof::NameId attention_name =
    prof::intern("attention", prof::Category::cpu_op, prof::ValueKind::dims, correlated);
const prof::NameId gate_name = small_operation("gate_mul");
const prof::NameId add_name = small_operation("add");
std::uint64_t dims(int a, int b = 0, int c = 0) {
  return prof::pack_dims(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b),
                         static_cast<std::uint64_t>(c));
}

// After an error of the GPU its memory and its stream cannot be used any more, so the process ends.
// The launcher reports this line as the reason.
void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  log(LogLevel::error, std::string("CUDA: ") + what + ": " + cudaGetErrorString(status));
  std::_Exit(71);
}

// Also says who has the device's memory, as check() ends the process.
void check_memory(cudaError_t status, prof::MemoryHolder holder, std::uint64_t bytes) {
  if (status == cudaErrorMemoryAllocation)
    log(LogLevel::error,
        "CUDA: " + prof::memory_ledger().failed(prof::MemorySpace::device, holder, bytes));
  check(status, "allocate");
}

struct CudaMatrix final : Matrix {
  ~CudaMatrix() override { cudaFree(memory); }
  void* memory = nullptr;
  ipc::DType dtype = ipc::DType::float32;
};

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int index) : index_(index) {
    check(cudaStreamCreate(&stream_), "make a stream");
  }
  ~CudaDevice() override {
    if (places_ != nullptr) cudaFreeAsync(places_, stream_);
    cudaStreamDestroy(stream_);
  }
  std::string name() const override { return "cuda:" + std::to_string(index_); }
  bool is_host() const override { return false; }
  void synchronise() override { check(cudaDeviceSynchronize(), "wait for the device"); }
  std::vector<prof::DeviceProperties> properties() const override {
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, index_), "ask for the device's properties");
    prof::DeviceProperties d;
    d.id = index_;
    d.name = p.name;
    d.total_memory = p.totalGlobalMem;
    d.compute_major = p.major;
    d.compute_minor = p.minor;
    d.max_threads_per_block = p.maxThreadsPerBlock;
    d.max_threads_per_sm = p.maxThreadsPerMultiProcessor;
    d.registers_per_block = p.regsPerBlock;
    d.registers_per_sm = p.regsPerMultiprocessor;
    d.warp_size = p.warpSize;
    d.shared_per_block = static_cast<int>(p.sharedMemPerBlock);
    d.shared_per_block_optin = static_cast<int>(p.sharedMemPerBlockOptin);
    d.shared_per_sm = static_cast<int>(p.sharedMemPerMultiprocessor);
    d.sm_count = p.multiProcessorCount;
    return {d};
  }

  // Allocates from the stream's pool: growing a cache does not have to wait for the device.
  float* allocate(std::size_t floats) override {
    void* memory = nullptr;
    const std::size_t bytes = floats * sizeof(float);
    if (floats > 0)
      check_memory(cudaMallocAsync(&memory, bytes, stream_), prof::MemoryScope::holder(), bytes);
    return static_cast<float*>(memory);
  }
  void free(float* memory) override { check(cudaFreeAsync(memory, stream_), "free"); }
  void upload(std::span<const float> host, std::span<float> to) override {
    move(to.data(), host.data(), host.size(), cudaMemcpyHostToDevice);
  }
  void download(std::span<const float> from, std::span<float> host) override {
    move(host.data(), from.data(), from.size(), cudaMemcpyDeviceToHost);
    check(cudaStreamSynchronize(stream_), "wait for the device");
  }
  void copy(std::span<const float> from, std::span<float> to) override {
    move(to.data(), from.data(), from.size(), cudaMemcpyDeviceToDevice);
  }

  using Device::pack;  // the base class unpacks weights in blocks
  std::unique_ptr<Matrix> pack(std::span<const float> weights,
                               int out,
                               int in,
                               ipc::DType dtype) override {
    auto matrix = std::make_unique<CudaMatrix>();
    matrix->in = in;
    matrix->out = out;
    matrix->dtype = dtype;
    matrix->product =
        prof::intern_product("linear", dtype == ipc::DType::bfloat16 ? 1600 : 3200, correlated);
    float* plain = allocate(weights.size());
    upload(weights, {plain, weights.size()});
    const std::size_t bytes = weights.size() * ipc::size_of(dtype);
    check_memory(cudaMalloc(&matrix->memory, bytes), prof::MemoryHolder::weights, bytes);
    matrix->hold = prof::MemoryHold(prof::MemorySpace::device, prof::MemoryHolder::weights, bytes);
    if (dtype == ipc::DType::bfloat16)
      cuda::round_to_bf16(plain, matrix->memory, static_cast<long>(weights.size()), stream_);
    else copy({plain, weights.size()}, {static_cast<float*>(matrix->memory), weights.size()});
    free(plain);
    check(cudaStreamSynchronize(stream_), "load weights");
    return matrix;
  }
  void linear(std::span<const float> x, const Matrix& w, std::span<float> y, int n) override {
    const prof::CorrelatedSpan span(prof::Activity::cpu, w.product != 0 ? w.product : linear_name,
                                    dims(n, w.out, w.in));
    const auto& matrix = static_cast<const CudaMatrix&>(w);
    if (matrix.dtype == ipc::DType::bfloat16)
      cuda::linear_bf16(x.data(), matrix.memory, y.data(), n, w.in, w.out, stream_);
    else
      cuda::linear_f32(x.data(), static_cast<const float*>(matrix.memory), y.data(), n, w.in, w.out,
                       stream_);
    launched("linear");
  }
  void rms_norm(std::span<const float> x,
                std::span<float> y,
                int n,
                int width,
                std::span<const float> weight,
                float epsilon) override {
    const prof::CorrelatedSpan span(small_kind, norm_name, dims(n, width));
    cuda::rms_norm(x.data(), y.data(), n, width, weight.empty() ? nullptr : weight.data(), epsilon,
                   stream_);
    launched("rms_norm");
  }
  void place(const Placement& placement) override {
    rows_ = placement.rows();
    longest_ = rows_ == 0
                   ? 0
                   : *std::max_element(placement.positions.begin(), placement.positions.end()) + 1;
    block_size_ = placement.block_size;
    table_width_ = placement.table_width;
    turns_ = static_cast<int>(placement.turns.size());
    // One copy: positions, sequences, slots, turns, tables.
    places_on_host_.clear();
    for (const auto* part : {&placement.positions, &placement.sequences, &placement.slots,
                             &placement.turns, &placement.tables})
      places_on_host_.insert(places_on_host_.end(), part->begin(), part->end());
    if (places_ != nullptr) check(cudaFreeAsync(places_, stream_), "free");
    void* memory = nullptr;
    const std::size_t bytes = places_on_host_.size() * sizeof(std::int32_t);
    check(cudaMallocAsync(&memory, bytes, stream_), "allocate");
    places_ = static_cast<std::int32_t*>(memory);
    check(cudaMemcpyAsync(places_, places_on_host_.data(), bytes, cudaMemcpyHostToDevice, stream_),
          "copy");
  }
  void rope(std::span<float> x, int heads, int head_dim, const Rope& rope) override {
    const prof::CorrelatedSpan span(small_kind, rope_name, dims(rows_, heads, head_dim));
    const bool usual = rope.frequencies.empty();
    cuda::rope(x.data(), places(), heads, head_dim,
               usual ? head_dim / 2 : static_cast<int>(rope.frequencies.size()),
               usual ? nullptr : rope.frequencies.data(), rope.scale, rope.interleaved, rope.height,
               rope.width, rope.sections, stream_);
    launched("rope");
  }
  void store(std::span<const float> rows, std::span<float> cache, int width) override {
    cuda::store(rows.data(), cache.data(), places(), width, stream_);
    launched("store");
  }
  void attention(std::span<const float> q,
                 std::span<const float> keys,
                 std::span<const float> values,
                 std::span<float> out,
                 const AttentionShape& a) override {
    const prof::CorrelatedSpan span(prof::Activity::cpu, attention_name,
                                    dims(rows_, a.heads, longest_));
    float* scores = allocate(static_cast<std::size_t>(rows_) * static_cast<std::size_t>(a.heads) *
                             static_cast<std::size_t>(longest_));
    cuda::attention(q.data(), keys.data(), values.data(), out.data(), scores, places(), longest_,
                    a.heads, a.kv_heads, a.head_dim,
                    a.scale != 0 ? a.scale : 1.0f / std::sqrt(static_cast<float>(a.head_dim)),
                    a.cap, a.window, stream_);
    launched("attention");
    free(scores);
  }
  void gate_mul(std::span<float> gate, std::span<const float> up, Activation activation) override {
    const prof::CorrelatedSpan span(small_kind, gate_name, dims(static_cast<int>(gate.size())));
    const cuda::Gate kind = activation == Activation::silu   ? cuda::Gate::silu
                            : activation == Activation::gelu ? cuda::Gate::gelu
                                                             : cuda::Gate::gelu_tanh;
    cuda::gate_mul(gate.data(), up.data(), static_cast<long>(gate.size()), kind, stream_);
    launched("gate_mul");
  }
  void gather(std::span<const float> x,
              std::span<const std::int32_t> rows,
              std::span<float> out,
              int width) override {
    const std::size_t bytes = static_cast<std::size_t>(width) * sizeof(float);
    for (std::size_t i = 0; i < rows.size(); ++i)
      check(cudaMemcpyAsync(out.data() + i * static_cast<std::size_t>(width),
                            x.data() + static_cast<std::ptrdiff_t>(rows[i]) * width, bytes,
                            cudaMemcpyDeviceToDevice, stream_),
            "copy");
  }
  void add_rows(std::span<const float> y,
                std::span<const std::int32_t> rows,
                std::span<const float> weights,
                std::span<float> x,
                int width) override {
    const prof::CorrelatedSpan span(small_kind, add_name, dims(static_cast<int>(y.size())));
    for (std::size_t i = 0; i < rows.size(); ++i)
      cuda::add_scaled(x.data() + static_cast<std::ptrdiff_t>(rows[i]) * width,
                       y.data() + static_cast<std::ptrdiff_t>(i) * width, weights[i], width,
                       stream_);
    launched("add_rows");
  }
  void clear(std::span<float> x) override {
    check(cudaMemsetAsync(x.data(), 0, x.size_bytes(), stream_), "clear");
  }
  void add(std::span<float> x, std::span<const float> y) override {
    const prof::CorrelatedSpan span(small_kind, add_name, dims(static_cast<int>(x.size())));
    cuda::add(x.data(), y.data(), static_cast<long>(x.size()), static_cast<long>(y.size()),
              stream_);
    launched("add");
  }

 private:
  void move(float* to, const float* from, std::size_t count, cudaMemcpyKind kind) {
    if (count > 0) check(cudaMemcpyAsync(to, from, count * sizeof(float), kind, stream_), "copy");
  }
  cuda::Places places() const {
    const std::int32_t* turns = places_ + 3 * rows_;
    return {
        places_, places_ + rows_, places_ + 2 * rows_, turns + turns_, turns_ > 0 ? turns : nullptr,
        rows_,   table_width_,    block_size_};
  }
  static void launched(const char* what) { check(cudaGetLastError(), what); }

  int index_;
  cudaStream_t stream_ = nullptr;
  // Of the placement, on the device; the copy on the host stays until the device has read it.
  std::vector<std::int32_t> places_on_host_;
  std::int32_t* places_ = nullptr;
  int rows_ = 0, longest_ = 0, table_width_ = 0, block_size_ = 1;
  int turns_ = 0;  // numbers in Placement::turns
};

}  // namespace

Result<std::unique_ptr<Device>> make_cuda_device(int index) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess)
    return Error{ErrorCode::unavailable,
                 std::string("no CUDA device can be used: ") + cudaGetErrorString(status)};
  if (index >= count)
    return Error{ErrorCode::unavailable, "cuda:" + std::to_string(index) + ": this machine has " +
                                             std::to_string(count) + " CUDA devices"};
  if (const cudaError_t set = cudaSetDevice(index); set != cudaSuccess)
    return Error{ErrorCode::unavailable,
                 "cuda:" + std::to_string(index) + ": " + cudaGetErrorString(set)};
  return std::unique_ptr<Device>(std::make_unique<CudaDevice>(index));
}

}  // namespace limelight::stages
