#include <algorithm>
#include <limelight/tensor.hpp>

namespace limelight::ipc {

namespace {
constexpr std::uint32_t too_large = 0xffffffffu;
}

std::size_t size_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::uint8: return 1;
    case DType::bfloat16: return 2;
    case DType::int32:
    case DType::float32: return 4;
    case DType::int64: return 8;
  }
  return 0;
}

const char* to_string(DType dtype) noexcept {
  switch (dtype) {
    case DType::uint8: return "uint8";
    case DType::int32: return "int32";
    case DType::int64: return "int64";
    case DType::float32: return "float32";
    case DType::bfloat16: return "bfloat16";
  }
  return "unknown";
}

TensorSpec TensorSpec::of(DType dtype, std::initializer_list<std::uint64_t> shape) {
  TensorSpec spec;
  spec.dtype = dtype;
  for (const std::uint64_t extent : shape) {
    if (spec.extents < max_extents)
      spec.shape[spec.extents] =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(extent, too_large));
    ++spec.extents;
  }
  return spec;
}

std::uint64_t TensorSpec::elements() const noexcept {
  std::uint64_t product = 1;
  for (std::size_t i = 0; i < std::min<std::size_t>(extents, max_extents); ++i) product *= shape[i];
  return product;
}

std::optional<std::uint64_t> TensorSpec::bytes() const noexcept {
  std::uint64_t product = size_of(dtype);
  if (product == 0 || extents > max_extents) return std::nullopt;
  for (std::size_t i = 0; i < extents; ++i)
    if (shape[i] == too_large || __builtin_mul_overflow(product, std::uint64_t{shape[i]}, &product))
      return std::nullopt;
  return product;
}

std::string TensorSpec::text() const {
  std::string out = std::string(to_string(dtype)) + " [";
  for (std::size_t i = 0; i < std::min<std::size_t>(extents, max_extents); ++i)
    out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

}  // namespace limelight::ipc
