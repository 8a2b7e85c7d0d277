// The type and shape of a tensor that one process sends to another: dense, row-major, at most 5
// extents (video is [batch, channels, frames, height, width]).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

namespace limelight::ipc {

enum class DType : std::uint8_t { uint8, int32, int64, float32, bfloat16 };
std::size_t size_of(DType dtype) noexcept;  // bytes of one element
const char* to_string(DType dtype) noexcept;

struct TensorSpec {
  static constexpr std::size_t max_extents = 5;

  DType dtype = DType::float32;
  std::uint8_t extents = 0;  // number of valid entries in `shape`; 0: a scalar
  std::array<std::uint32_t, max_extents> shape{};

  // If there are too many extents, or one of 2^32 - 1 or more, the result is invalid: its bytes()
  // is empty.
  static TensorSpec of(DType dtype, std::initializer_list<std::uint64_t> shape);
  std::uint64_t elements() const noexcept;
  // The size of the whole tensor in bytes. Empty if the shape is invalid or the size exceeds 64
  // bits.
  std::optional<std::uint64_t> bytes() const noexcept;
  std::string text() const;  // such as "float32 [3, 256]"
};

}  // namespace limelight::ipc
