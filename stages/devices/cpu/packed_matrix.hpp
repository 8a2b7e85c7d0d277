// Weights of the CPU device, packed in the layout that cpu_kernels.hpp multiplies. Included by
// cpu_device.cpp alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/devices/cpu/work_pool.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

// Rounds to nearest, ties to even, as the hardware does. NaN stays NaN.
inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
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

// Rows are filled up to whole panels.
inline std::size_t packed_bytes(int out, int in, ipc::DType dtype) {
  const std::size_t count =
      (static_cast<std::size_t>(out) + 15) / 16 * 16 * static_cast<std::size_t>(in);
  return count * (dtype == ipc::DType::bfloat16 ? sizeof(std::uint16_t) : sizeof(float));
}

inline std::unique_ptr<Matrix> pack_matrix(
    std::span<const float> weights, int out, int in, ipc::DType dtype, WorkPool& pool) {
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
  pool.run((rows + 15) / 16, 1 + (std::size_t{1} << 16) / (16 * columns), fill);
  matrix->rows = {
      .data = bf16 ? static_cast<const void*>(matrix->bf16.get()) : matrix->floats.get(),
      .bf16 = bf16,
      .in = columns,
      .out = rows};
  return matrix;
}

}  // namespace limelight::stages
