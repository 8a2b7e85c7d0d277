// Sizes and order of patches. Their values are compared with the reference's in test_image_file.
#include <boost/test/unit_test.hpp>

#include "stages/media/patches.hpp"

using namespace limelight;
using namespace limelight::stages;

BOOST_AUTO_TEST_CASE(a_picture_is_scaled_to_whole_blocks_within_the_limits) {
  const PatchShape shape{.min_pixels = 3136, .max_pixels = 100'000};
  using Size = std::pair<int, int>;
  const auto size = [&](int height, int width) { return *patched_size(height, width, shape); };
  BOOST_TEST((size(100, 100) == Size(96, 96)));
  BOOST_TEST((size(80, 112) == Size(64, 128)));  // 2.5 blocks are 2, 3.5 are 4
  BOOST_TEST((size(1, 1) == Size(64, 64)));
  BOOST_TEST((size(4000, 3000) == Size(352, 256)));
  BOOST_TEST((size(10, 2000) == Size(32, 4480)) == false);
  BOOST_TEST(patched_size(1, 201, shape).error().message.find("201 x 1 pixels") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(neighbours_that_are_merged_follow_each_other) {
  // Four by four patches of one pixel; each has its number as red.
  Image image{4, 4, {}};
  for (std::uint8_t i = 0; i < 16; ++i) image.rgb.insert(image.rgb.end(), {i, 100, 200});
  const PatchShape shape{.patch = 1,
                         .merge = 2,
                         .temporal = 2,
                         .min_pixels = 1,
                         .max_pixels = 1000,
                         .normalise = false,
                         .rescale = 0};
  const auto patches = make_patches(image, shape);
  BOOST_TEST_REQUIRE(patches.ok());
  const int order[] = {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15};
  for (std::size_t p = 0; p < 16; ++p) {
    const auto number = static_cast<float>(order[p]);
    const std::vector<float> expected{number, number, 100, 100, 200, 200};
    BOOST_TEST(std::vector<float>(
                   patches->values.begin() + static_cast<std::ptrdiff_t>(6 * p),
                   patches->values.begin() + static_cast<std::ptrdiff_t>(6 * p + 6)) == expected,
               boost::test_tools::per_element());
  }
  PatchShape as_it_is = shape;
  as_it_is.resize = false;
  as_it_is.merge = 3;
  BOOST_TEST(make_patches(image, as_it_is).error().message.find("multiples of 3") !=
             std::string::npos);
}
