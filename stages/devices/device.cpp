#include "stages/devices/device.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/whole_number.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

Array::Array(Array&& other) noexcept
    : device_(other.device_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      hold_(std::move(other.hold_)) {}
Array& Array::operator=(Array&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  hold_ = std::move(other.hold_);  // which swaps them
  return *this;
}
Array::~Array() {
  if (data_ != nullptr) device_->free(data_);
}

void Array::resize(std::size_t size) {
  if (size > capacity_) {
    const std::size_t capacity = std::max(size, capacity_ * 2);
    const std::uint64_t bytes = capacity * sizeof(float);
    float* grown = nullptr;
    try {
      grown = device_->allocate(capacity);
    } catch (const std::bad_alloc&) {
      prof::memory_ledger().failed(device_->space(), prof::MemoryScope::holder(), bytes);
      throw;
    }
    prof::MemoryHold hold(device_->space(), prof::MemoryScope::holder(), bytes);
    if (size_ > 0) device_->copy({data_, size_}, {grown, size_});
    if (data_ != nullptr) device_->free(data_);
    data_ = grown;
    hold_ = std::move(hold);
    capacity_ = capacity;
  }
  size_ = size;
}

std::unique_ptr<Matrix> Device::pack(const BlockWeights& weights, int out, int in) {
  std::vector<float> plain(static_cast<std::size_t>(out) * static_cast<std::size_t>(in));
  for (int row = 0; row < out; ++row)
    unpack_blocks(
        weights.type, weights.data + static_cast<std::size_t>(row) * weights.row_bytes,
        std::span(plain).subspan(static_cast<std::size_t>(row) * static_cast<std::size_t>(in),
                                 static_cast<std::size_t>(in)));
  return pack(plain, out, in, ipc::DType::float32);
}

void linear_of_host(
    Device& device, std::span<const float> x, const Matrix& w, std::span<float> y, int n) {
  if (device.is_host()) return device.linear(x, w, y, n);
  Array in(device, x.size()), out(device, y.size());
  device.upload(x, in.span());
  device.linear(in.span(), w, out.span(), n);
  device.download(out.span(), y);
}

namespace {
// One entry of a list of devices: "cpu", "auto", "<n>" or "cuda:<n>".
struct Wish {
  bool gpu = false, must = false;  // must: an error if there is no such GPU
  int index = 0;
};
std::optional<Wish> parse_one(std::string_view word) {
  if (word == "cpu") return Wish{};
  if (word == "auto") return Wish{true, false, 0};
  Wish wish{true, word.starts_with("cuda:"), 0};
  if (wish.must) word.remove_prefix(5);
  const auto index = whole_number<int>(word, 0);
  if (!index) return std::nullopt;
  wish.index = *index;
  return wish;
}
std::vector<std::optional<Wish>> parse_list(std::string_view list) {
  std::vector<std::optional<Wish>> wishes;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    wishes.push_back(parse_one(list.substr(at, end - at)));
    at = end + 1;
  }
  return wishes;
}
}  // namespace

bool is_device_wish(const std::string& wish) {
  const auto wishes = parse_list(wish);
  return std::all_of(wishes.begin(), wishes.end(), [](const auto& w) { return w.has_value(); });
}

Result<std::unique_ptr<Device>> make_device(const std::string& wish,
                                            int rank_in_stage,
                                            std::string& notice,
                                            const CpuOptions& cpu) {
  const auto wishes = parse_list(wish);
  const auto& mine = wishes[static_cast<std::size_t>(rank_in_stage) % wishes.size()];
  if (!mine)
    return Error{ErrorCode::invalid_argument,
                 "devices: found '" + wish +
                     "', expected cpu, auto, cuda:<n>, or numbers of GPUs such as 0,1"};
  if (!mine->gpu) return make_cpu_device(cpu);
  auto gpu = make_cuda_device(mine->index);
  if (gpu || mine->must) return gpu;
  notice = "devices '" + wish + "': " + gpu.error().message + "; this rank computes on the CPU";
  return make_cpu_device(cpu);
}

}  // namespace limelight::stages
