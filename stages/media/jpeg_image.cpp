// JPEG by libjpeg-turbo. Its errors jump out of the function that called it, so the functions that
// can be jumped out of hold no objects with destructors.
//
// jpeglib.h needs what it does not include:
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>

#include "stages/media/image_decoders.hpp"

namespace limelight::stages {

namespace {

// `manager` is first: the library gives back a pointer to it.
struct JpegReading {
  jpeg_error_mgr manager = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf jump = {};
  std::span<const std::byte> bytes;
  const ImageLimits& limits;
  Image image = {};
  std::vector<std::uint8_t> cmyk = {};  // one row
  int orientation = 1;
  Error error = {ErrorCode::corrupt, {}};
};

[[noreturn]] void give_up(JpegReading& reading) { std::longjmp(reading.jump, 1); }

JpegReading& reading_of(j_common_ptr common) {
  return *static_cast<JpegReading*>(common->client_data);
}

void keep_message(j_common_ptr common) {
  std::array<char, JMSG_LENGTH_MAX> text{};
  common->err->format_message(common, text.data());
  reading_of(common).error.message = std::string("cannot be decoded: ").append(text.data());
}

[[noreturn]] void on_error(j_common_ptr common) {
  keep_message(common);
  give_up(reading_of(common));
}

// level: below 0 a warning. Those of data that are damaged or missing are errors here.
void on_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  switch (common->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:  // between two segments
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA: return;
    default: on_error(common);
  }
}
void print_nothing(j_common_ptr) {}

// Each scan of a progressive file goes over the whole picture; a small file can have thousands.
void on_progress(j_common_ptr common) {
  auto& reading = reading_of(common);
  const auto* jpeg = reinterpret_cast<j_decompress_ptr>(common);
  if (jpeg->input_scan_number <= reading.limits.scans) return;
  reading.error = {ErrorCode::too_large, "found more than " + std::to_string(reading.limits.scans) +
                                             " scans, expected no more"};
  give_up(reading);
}

bool make_room(JpegReading& reading, const jpeg_decompress_struct& jpeg) {
  if (auto wrong = wrong_size(jpeg.image_width, jpeg.image_height, reading.limits)) {
    reading.error = std::move(*wrong);
    return false;
  }
  reading.image.width = static_cast<int>(jpeg.image_width);
  reading.image.height = static_cast<int>(jpeg.image_height);
  reading.image.rgb.resize(std::size_t{3} * jpeg.image_width * jpeg.image_height);
  reading.cmyk.resize(std::size_t{4} * jpeg.image_width);
  return true;
}

void find_orientation(JpegReading& reading, const jpeg_decompress_struct& jpeg) {
  static constexpr char exif[] = {'E', 'x', 'i', 'f', 0, 0};
  for (const auto* marker = jpeg.marker_list; marker != nullptr; marker = marker->next)
    if (marker->marker == JPEG_APP0 + 1 && marker->data_length > sizeof exif &&
        std::memcmp(marker->data, exif, sizeof exif) == 0) {
      reading.orientation =
          exif_orientation({marker->data + sizeof exif, marker->data_length - sizeof exif});
      return;
    }
}

// Files in CMYK have it inverted, as Adobe's programs write it and Pillow expects.
void row_from_cmyk(std::span<const std::uint8_t> row, std::uint8_t* to) {
  for (std::size_t x = 0; x < row.size(); x += 4)
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned product = (255u - row[x + c]) * row[x + 3] + 128;
      *to++ = static_cast<std::uint8_t>(
          std::max(0, row[x + 3] - static_cast<int>((product + (product >> 8)) >> 8)));
    }
}

void read_jpeg(jpeg_decompress_struct& jpeg, JpegReading& reading) {
  if (setjmp(reading.jump) != 0) return;
  jpeg_create_decompress(&jpeg);
  jpeg.client_data = &reading;
  jpeg.progress = &reading.progress;
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(reading.bytes.data()),
               reading.bytes.size());
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
  (void)jpeg_read_header(&jpeg, TRUE);
  if (!make_room(reading, jpeg)) return;
  find_orientation(reading, jpeg);
  const bool cmyk = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
  jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  (void)jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    std::uint8_t* row =
        reading.image.rgb.data() + std::size_t{3} * jpeg.output_scanline * jpeg.output_width;
    std::uint8_t* to = cmyk ? reading.cmyk.data() : row;
    if (jpeg_read_scanlines(&jpeg, &to, 1) == 1 && cmyk) row_from_cmyk(reading.cmyk, row);
  }
  (void)jpeg_finish_decompress(&jpeg);
  reading.error.code = ErrorCode::none;
}

}  // namespace

Result<DecodedImage> decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits) {
  JpegReading reading{.bytes = bytes, .limits = limits};
  jpeg_decompress_struct jpeg{};
  jpeg.err = jpeg_std_error(&reading.manager);
  reading.manager.error_exit = on_error;
  reading.manager.emit_message = on_message;
  reading.manager.output_message = print_nothing;
  reading.progress.progress_monitor = on_progress;
  jpeg.client_data = &reading;
  read_jpeg(jpeg, reading);
  jpeg_destroy_decompress(&jpeg);
  if (reading.error.code != ErrorCode::none) return reading.error;
  return DecodedImage{std::move(reading.image), reading.orientation};
}

}  // namespace limelight::stages
