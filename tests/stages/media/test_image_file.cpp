// Picture files: what is read of them, and what is refused.
#include "stages/media/image_decoders.hpp"
#include "stages/media/image_file.hpp"
#include "stages/media/patches.hpp"
#include "tests/stages/media/media_fixtures.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;

namespace {
const PatchShape shape{.patch = 8,
                       .min_pixels = 256,
                       .max_pixels = 1024,
                       .mean = {0.5, 0.5, 0.5},
                       .deviation = {0.5, 0.5, 0.5}};
}  // namespace

BOOST_AUTO_TEST_CASE(pictures_have_the_features_of_the_reference) {
  int seen = 0;
  for (const auto& one : expected_features(3 * 2 * 8 * 8)) {
    if (one.rows == 128) continue;
    ++seen;
    const auto image = read_image(media_fixtures / one.file);
    BOOST_TEST_REQUIRE(image.ok(), one.file);
    const auto patches = make_patches(*image, shape);
    BOOST_TEST_REQUIRE(patches.ok());
    BOOST_TEST(patches->rows == one.rows, one.file);
    BOOST_TEST(patches->cols == one.cols, one.file);
    BOOST_TEST(largest_difference(patches->values, one.values) < 1e-4, one.file);
  }
  BOOST_TEST(seen == 6);
}

BOOST_AUTO_TEST_CASE(pictures_that_are_cut_short_are_errors_with_their_name) {
  for (const char* name :
       {"rgba.png", "grey16.png", "palette.png", "turned.jpg", "cmyk.jpg", "progressive.jpg"}) {
    const std::string whole = read_file(media_fixtures / name);
    for (std::size_t size = 0; size < whole.size() - 2; size += whole.size() / 37 + 1) {
      const auto read = read_image(as_bytes(whole.substr(0, size)), name);
      BOOST_TEST(!read.ok(), name << " with " << size << " bytes");
      if (!read.ok()) BOOST_TEST(read.error().message.starts_with(std::string(name) + ": "));
    }
  }
}

BOOST_AUTO_TEST_CASE(pictures_of_too_many_pixels_are_refused_before_they_are_read) {
  for (const char* name : {"rgba.png", "turned.jpg"}) {
    const auto read = read_image(media_fixtures / name, {.pixels = 1000});
    BOOST_TEST((read.error().code == ErrorCode::too_large));
    BOOST_TEST(read.error().message.find("pixels, expected 1 to 1000 in all") != std::string::npos,
               read.error().message);
  }
  // A header alone that states 2^62 pixels.
  std::string huge = read_file(media_fixtures / "grey16.png");
  huge.replace(16, 8, "\x7f\xff\xff\xff\x7f\xff\xff\xff");
  huge.replace(29, 4, "\x85\xd2\xbb\xef");
  BOOST_TEST(!read_image(as_bytes(huge), "huge.png").ok());
  BOOST_TEST(read_image(as_bytes("GIF89a"), "a.gif").error().message ==
             "a.gif: found no picture file, expected PNG or JPEG");
}

BOOST_AUTO_TEST_CASE(a_progressive_picture_of_many_scans_is_refused) {
  const auto read = read_image(media_fixtures / "progressive.jpg", {.scans = 2});
  BOOST_TEST(read.error().message.find("more than 2 scans") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_orientation_is_read_or_is_upright) {
  using namespace std::string_literals;
  const auto of = [](const std::string& tiff) {
    return exif_orientation({reinterpret_cast<const std::uint8_t*>(tiff.data()), tiff.size()});
  };
  const std::string big = "MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"s;
  BOOST_TEST(of(big) == 6);
  BOOST_TEST(of("II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0"s) == 8);
  for (std::size_t size = 0; size < big.size(); ++size) BOOST_TEST(of(big.substr(0, size)) == 1);
  BOOST_TEST(of("MM\0\x2a\xff\xff\xff\xff\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"s) == 1);
}
