// PNG by libpng. Its errors jump out of the function that called it, so the functions that can be
// jumped out of hold no objects with destructors.
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <memory>

#include "stages/media/image_decoders.hpp"

namespace limelight::stages {

namespace {

struct PngReading {
  std::span<const std::byte> bytes;
  const ImageLimits& limits;
  Image image = {};
  std::vector<std::uint8_t> rgba = {};
  std::vector<png_bytep> rows = {};
  int orientation = 1;
  Error error = {ErrorCode::corrupt, {}};
};

void take_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto& reading = *static_cast<PngReading*>(png_get_io_ptr(png));
  if (count > reading.bytes.size()) png_error(png, "the file is cut short");
  std::memcpy(to, reading.bytes.data(), count);
  reading.bytes = reading.bytes.subspan(count);
}

[[noreturn]] void on_error(png_structp png, png_const_charp what) {
  auto& reading = *static_cast<PngReading*>(png_get_error_ptr(png));
  if (reading.error.message.empty())
    reading.error.message = std::string("cannot be decoded: ").append(what);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

// Laid over white, as Pillow's alpha_composite() does: rounded to the nearest.
std::uint8_t over_white(unsigned colour, unsigned alpha) {
  const unsigned sum = colour * alpha + 255 * (255 - alpha) + 128;
  return static_cast<std::uint8_t>((sum + (sum >> 8)) >> 8);
}

// Makes room for the picture. False: it must not be read.
bool make_room(PngReading& reading, std::uint32_t width, std::uint32_t height) {
  if (auto wrong = wrong_size(width, height, reading.limits)) {
    reading.error = std::move(*wrong);
    return false;
  }
  reading.image.width = static_cast<int>(width);
  reading.image.height = static_cast<int>(height);
  const std::size_t row = std::size_t{4} * width;
  reading.rgba.resize(row * height);
  reading.rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) reading.rows[y] = reading.rgba.data() + y * row;
  return true;
}

// libpng takes memory for some chunks by the length that they state.
bool states_what_is_there(std::span<const std::byte> bytes) {
  for (std::size_t at = 8; at + 8 <= bytes.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length = length << 8 | std::to_integer<std::size_t>(bytes[at + i]);
    if (length > bytes.size() - at - 8) return false;
    if (std::memcmp(bytes.data() + at + 4, "IEND", 4) == 0) break;
    at += 12 + length;  // with the chunk's checksum
  }
  return true;
}

void read_png(png_structp png, png_infop info, PngReading& reading) {
  if (setjmp(png_jmpbuf(png)) != 0) return;
  png_set_read_fn(png, &reading, take_bytes);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // make_room() decides
  // Chunks that change no colour here are passed over: texts and profiles may be large.
  static constexpr char passed_over[] =
      "bKGD\0cHRM\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zT"
      "Xt";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER,
                              reinterpret_cast<png_const_bytep>(passed_over),
                              sizeof passed_over / 5);
  png_read_info(png, info);
  if (!make_room(reading, png_get_image_width(png, info), png_get_image_height(png, info))) return;
  png_set_expand(png);  // palettes, grey of few bits, transparent colours
  png_set_strip_16(png);
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != std::size_t{4} * static_cast<std::size_t>(reading.image.width))
    png_error(png, "its rows have another width than its header states");
  png_read_image(png, reading.rows.data());
  png_read_end(png, info);
  png_uint_32 size = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(png, info, &size, &exif) != 0)
    reading.orientation = exif_orientation({exif, size});
  reading.error.code = ErrorCode::none;
}

}  // namespace

Result<DecodedImage> decode_png(std::span<const std::byte> bytes, const ImageLimits& limits) {
  if (!states_what_is_there(bytes))
    return Error{ErrorCode::corrupt, "a chunk is longer than the file: it is cut short or damaged"};
  PngReading reading{bytes, limits};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, on_error, on_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info == nullptr) {
    png_destroy_read_struct(&png, nullptr, nullptr);
    return Error{ErrorCode::too_large, "no memory for libpng"};
  }
  read_png(png, info, reading);
  png_destroy_read_struct(&png, &info, nullptr);
  if (reading.error.code != ErrorCode::none) return reading.error;
  // RGBA becomes RGB where it is.
  std::uint8_t* to = reading.rgba.data();
  for (const std::uint8_t *from = to, *end = from + reading.rgba.size(); from != end; from += 4)
    for (int c = 0; c < 3; ++c) *to++ = over_white(from[c], from[3]);
  reading.rgba.resize(reading.rgba.size() / 4 * 3);
  reading.image.rgb = std::move(reading.rgba);
  return DecodedImage{std::move(reading.image), reading.orientation};
}

}  // namespace limelight::stages
