// Pictures of another size. That the bits are those of the reference is shown by
// tests/oracle/compare_media.py.
#include <boost/test/unit_test.hpp>

#include "stages/media/resize.hpp"

using limelight::stages::Image;
using limelight::stages::resize_cubic;

BOOST_AUTO_TEST_SUITE(resize)

BOOST_AUTO_TEST_CASE(the_same_size_is_the_same_picture) {
  Image picture{.width = 3, .height = 2, .rgb = {}};
  for (int i = 0; i < 18; ++i) picture.rgb.push_back(static_cast<std::uint8_t>(13 * i));
  const Image same = resize_cubic(picture, 3, 2);
  BOOST_TEST(same.rgb == picture.rgb, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_plain_picture_stays_plain_at_every_size) {
  Image plain{.width = 5, .height = 4, .rgb = {}};
  for (int i = 0; i < 20; ++i) plain.rgb.insert(plain.rgb.end(), {7, 128, 255});
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 9}, {64, 3}}) {
    const Image out = resize_cubic(plain, width, height);
    BOOST_TEST(out.width == width);
    BOOST_TEST(out.height == height);
    BOOST_REQUIRE(out.rgb.size() == static_cast<std::size_t>(3 * width * height));
    for (std::size_t i = 0; i < out.rgb.size(); i += 3) {
      BOOST_TEST(out.rgb[i] == 7);
      BOOST_TEST(out.rgb[i + 1] == 128);
      BOOST_TEST(out.rgb[i + 2] == 255);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_edge_stays_where_it_is_and_overshoots_no_further_than_8_bits) {
  Image edge{.width = 8, .height = 1, .rgb = {}};
  for (int x = 0; x < 8; ++x)
    for (int colour = 0; colour < 3; ++colour)
      edge.rgb.push_back(static_cast<std::uint8_t>(x < 4 ? 0 : 255));
  const Image out = resize_cubic(edge, 16, 1);
  BOOST_TEST(out.rgb[0] == 0);
  BOOST_TEST(out.rgb[3 * 15] == 255);
  BOOST_TEST(out.rgb[3 * 7] < 128);
  BOOST_TEST(out.rgb[3 * 8] > 127);
  for (int x = 0; x < 16; ++x)  // symmetric about the edge
    BOOST_TEST(std::abs(out.rgb[static_cast<std::size_t>(3 * x)] +
                        out.rgb[static_cast<std::size_t>(3 * (15 - x))] - 255) <= 1);
}

BOOST_AUTO_TEST_SUITE_END()
