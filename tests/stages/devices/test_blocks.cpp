// Weights in blocks, beside values worked out by hand from ggml's block structs.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "stages/devices/blocks.hpp"

using namespace limelight::stages;

namespace {
std::vector<float> unpack(WeightType type, const std::vector<std::uint8_t>& bytes) {
  std::vector<float> out(bytes.size() / block_format(type).bytes * block_format(type).values);
  unpack_blocks(type, reinterpret_cast<const std::byte*>(bytes.data()), out);
  return out;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(blocks)

BOOST_AUTO_TEST_CASE(halves_are_those_of_ieee_754) {
  const struct {
    std::uint16_t half;
    float value;
  } cases[] = {{0x0000, 0},           {0x3c00, 1},        {0xc000, -2},         {0x7bff, 65504},
               {0x3555, 0x1.554p-2f}, {0x0001, 0x1p-24f}, {0x03ff, 0x3ffp-24f}, {0x0400, 0x1p-14f},
               {0x7c00, INFINITY},    {0xfc00, -INFINITY}};
  for (const auto& c : cases) BOOST_TEST(half_to_float(c.half) == c.value);
  BOOST_TEST(std::signbit(half_to_float(0x8000)));
  BOOST_TEST(std::isnan(half_to_float(0x7e00)));
}

BOOST_AUTO_TEST_CASE(plain_numbers_are_themselves) {
  BOOST_TEST((unpack(WeightType::f32, {0, 0, 0x80, 0x3f}) == std::vector<float>{1}));
  BOOST_TEST((unpack(WeightType::f16, {0, 0x3c, 0, 0xc0}) == (std::vector<float>{1, -2})));
  BOOST_TEST((unpack(WeightType::bf16, {0x80, 0x3f, 0, 0xc0}) == (std::vector<float>{1, -2})));
}

BOOST_AUTO_TEST_CASE(blocks_of_32_share_a_scale_and_some_a_minimum) {
  std::vector<std::uint8_t> q8(34), q4(18), q41(20);
  q8[1] = q4[1] = q41[1] = 0x40;  // scale 2
  q41[3] = 0x3c;                  // minimum 1
  q8[2] = 3;
  q8[33] = 0xff;  // -1
  q4[2] = q41[4] = 0xf1;
  const auto eight = unpack(WeightType::q8_0, q8), four = unpack(WeightType::q4_0, q4),
             with_minimum = unpack(WeightType::q4_1, q41);
  BOOST_TEST(eight[0] == 6);
  BOOST_TEST(eight[1] == 0);
  BOOST_TEST(eight[31] == -2);
  BOOST_TEST(four[0] == 2 * (1 - 8));  // low halves are the first 16 values
  BOOST_TEST(four[16] == 2 * (15 - 8));
  BOOST_TEST(four[1] == -16);
  BOOST_TEST(with_minimum[0] == 2 * 1 + 1);
  BOOST_TEST(with_minimum[16] == 2 * 15 + 1);
  BOOST_TEST(with_minimum[1] == 1);
}

BOOST_AUTO_TEST_CASE(scales_and_minima_of_sub_blocks_are_six_bits_each) {
  std::uint8_t packed[12] = {};
  packed[0] = 0b10'000001;  // scale 1; the upper bits of scale 4
  packed[4] = 0b01'111111;  // minimum 63; the upper bits of minimum 4
  packed[8] = 0b0101'0011;  // the lower bits of scale 4 (3) and of minimum 4 (5)
  const ScaleMin first = q4k_scale_min(packed, 0), fifth = q4k_scale_min(packed, 4);
  BOOST_TEST(first.scale == 1);
  BOOST_TEST(first.min == 63);
  BOOST_TEST(fifth.scale == (3 | 2 << 4));
  BOOST_TEST(fifth.min == (5 | 1 << 4));
}

BOOST_AUTO_TEST_SUITE_END()
