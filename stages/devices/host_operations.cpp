// Operations that a device need not define: computed by others, or on the host.
#include <algorithm>
#include <cmath>
#include <limelight/span.hpp>
#include <vector>

#include "stages/devices/activations.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {

constexpr auto host_kind = prof::Activity::small_operation;

const prof::NameId channels_name = prof::intern(
    "convolve_channels", prof::Category::cpu_op, prof::ValueKind::dims, false, host_kind);
const prof::NameId layer_norm_name =
    prof::intern("layer_norm", prof::Category::cpu_op, prof::ValueKind::dims, false, host_kind);
const prof::NameId activate_name =
    prof::intern("activate", prof::Category::cpu_op, prof::ValueKind::dims, false, host_kind);

// A span of a device's memory that the host can read, copied if need be.
class Readable {
 public:
  Readable(Device& device, std::span<const float> memory) : memory_(memory) {
    if (device.is_host()) return;
    copy_.resize(memory.size());
    device.download(memory, copy_);
    memory_ = copy_;
  }
  const float* data() const { return memory_.data(); }

 private:
  std::vector<float> copy_;
  std::span<const float> memory_;
};

// Calls `write` with memory of the host for what a device's `memory` is to hold.
template <class Write>
void write_to(Device& device, std::span<float> memory, Write write) {
  if (device.is_host()) return write(memory.data());
  std::vector<float> host(memory.size());
  write(host.data());
  device.upload(host, memory);
}

std::uint64_t row_dims(std::size_t rows, std::size_t width) {
  return prof::pack_dims(rows, width, 0);
}

}  // namespace

void Device::convolve(std::span<const float> x,
                      const Matrix& w,
                      std::span<const float> bias,
                      std::span<float> y,
                      int n,
                      int taps,
                      int dilation) {
  const int width = w.in / taps;
  std::vector<std::int32_t> rows;
  for (int i = 0; i < n; ++i)
    for (int tap = 0; tap < taps; ++tap) rows.push_back(i + tap * dilation);
  Array gathered(*this, rows.size() * static_cast<std::size_t>(width));
  gather(x, rows, gathered.span(), width);
  linear(gathered.span(), w, y, n);
  if (!bias.empty()) add(y, bias);
}

void Device::convolve_channels(
    std::span<const float> x, std::span<const float> w, std::span<float> y, int n, int width) {
  const auto rows = static_cast<std::size_t>(n), count = static_cast<std::size_t>(width);
  const prof::Span span(host_kind, channels_name, row_dims(rows, count));
  const Readable from(*this, x), weights(*this, w);
  write_to(*this, y, [&](float* to) {
    std::fill_n(to, rows * count, 0.0f);
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t tap = 0; tap < w.size() / count; ++tap)
        for (std::size_t i = 0; i < count; ++i)
          to[row * count + i] +=
              weights.data()[tap * count + i] * from.data()[(row + tap) * count + i];
  });
}

void Device::snake(std::span<const float> x,
                   std::span<float> y,
                   std::span<const float> frequencies,
                   std::span<const float> amplitudes) {
  const std::size_t width = frequencies.size();
  const Readable from(*this, x), f(*this, frequencies), a(*this, amplitudes);
  write_to(*this, y, [&](float* to) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float value = from.data()[i], sine = std::sin(f.data()[i % width] * value);
      to[i] = value + a.data()[i % width] * (sine * sine);
    }
  });
}

void Device::layer_norm(std::span<const float> x,
                        std::span<float> y,
                        std::span<const float> weight,
                        std::span<const float> bias,
                        float epsilon) {
  const std::size_t width = weight.size();
  const prof::Span span(host_kind, layer_norm_name, row_dims(x.size() / width, width));
  const Readable from(*this, x), w(*this, weight), b(*this, bias);
  write_to(*this, y, [&](float* to) {
    for (std::size_t row = 0; row < x.size(); row += width) {
      double sum = 0, squares = 0;
      for (std::size_t i = 0; i < width; ++i) sum += static_cast<double>(from.data()[row + i]);
      const auto mean = static_cast<float>(sum / static_cast<double>(width));
      for (std::size_t i = 0; i < width; ++i) {
        const float apart = from.data()[row + i] - mean;
        squares += static_cast<double>(apart * apart);
      }
      const float scale =
          1 / std::sqrt(static_cast<float>(squares / static_cast<double>(width)) + epsilon);
      for (std::size_t i = 0; i < width; ++i)
        to[row + i] = (from.data()[row + i] - mean) * scale * w.data()[i] + b.data()[i];
    }
  });
}

void Device::activate(std::span<float> x, Activation activation) {
  const prof::Span span(host_kind, activate_name, row_dims(1, x.size()));
  const Readable from(*this, x);
  write_to(*this, x, [&](float* to) {
    for (std::size_t i = 0; i < x.size(); ++i) to[i] = activated(from.data()[i], activation);
  });
}

}  // namespace limelight::stages
