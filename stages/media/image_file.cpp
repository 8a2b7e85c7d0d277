#include "stages/media/image_file.hpp"

#include <cstring>

#include "base/mapped_file.hpp"
#include "stages/media/image_decoders.hpp"

namespace limelight::stages {

std::optional<Error> wrong_size(std::uint64_t width,
                                std::uint64_t height,
                                const ImageLimits& limits) {
  std::uint64_t pixels = 0;
  const bool overflows = __builtin_mul_overflow(width, height, &pixels);
  if (!overflows && pixels > 0 && pixels <= limits.pixels) return std::nullopt;
  return Error{pixels == 0 && !overflows ? ErrorCode::corrupt : ErrorCode::too_large,
               "found " + std::to_string(width) + " x " + std::to_string(height) +
                   " pixels, expected 1 to " + std::to_string(limits.pixels) + " in all"};
}

Result<Image> read_image(std::span<const std::byte> bytes,
                         const std::string& name,
                         const ImageLimits& limits) {
  const auto begins = [&](std::string_view word) {
    return bytes.size() >= word.size() && std::memcmp(bytes.data(), word.data(), word.size()) == 0;
  };
  const bool png = begins("\x89PNG\r\n\x1a\n");
  if (!png && !begins("\xff\xd8\xff"))
    return Error{ErrorCode::corrupt, name + ": found no picture file, expected PNG or JPEG"};
  auto decoded = png ? decode_png(bytes, limits) : decode_jpeg(bytes, limits);
  if (!decoded) return Error{decoded.error().code, name + ": " + decoded.error().message};
  turn_upright(decoded->image, decoded->orientation);
  return std::move(decoded->image);
}

Result<Image> read_image(const std::filesystem::path& path, const ImageLimits& limits) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  return read_image((*file)->bytes(), path.string(), limits);
}

}  // namespace limelight::stages
