// Frequencies of rotary embeddings. That they are the reference's, the logits of the fixtures show.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "stages/models/rope.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

RopeParameters parameters(const char* type) {
  return {.type = type,
          .base = 10'000,
          .dims = 8,
          .context = 4096,
          .original_context = 1024,
          .factor = 4,
          .short_factor = {1, 1, 2, 4},
          .long_factor = {1, 2, 4, 8}};
}
RopeShape rope(const RopeParameters& p) {
  auto made = make_rope(p);
  if (!made) BOOST_FAIL(made.error().message);
  return *made;
}
double plain(int pair) { return std::pow(10'000.0, -pair / 4.0); }

}  // namespace

BOOST_AUTO_TEST_SUITE(rope_frequencies)

BOOST_AUTO_TEST_CASE(plain_ones_fall_from_1_by_powers_of_the_base) {
  for (const char* type : {"default", "dynamic"})  // which begins beyond the context
    for (int i = 0; i < 4; ++i)
      BOOST_TEST(rope(parameters(type)).frequencies[static_cast<std::size_t>(i)] == plain(i),
                 boost::test_tools::tolerance(1e-6));
  BOOST_TEST(rope(parameters("default")).scale == 1);
}

BOOST_AUTO_TEST_CASE(linear_ones_are_divided_and_llama3_s_where_they_are_slow) {
  const auto linear = rope(parameters("linear")).frequencies,
             llama3 = rope(parameters("llama3")).frequencies;
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(linear[static_cast<std::size_t>(i)] == plain(i) / 4,
               boost::test_tools::tolerance(1e-6));
  BOOST_TEST(llama3[0] == 1);  // a wave of 6 positions
  BOOST_TEST(llama3[3] == plain(3) / 4, boost::test_tools::tolerance(1e-6));  // of 6283
  BOOST_TEST((llama3[2] > plain(2) / 4 && llama3[2] < plain(2)));             // of 628
}

BOOST_AUTO_TEST_CASE(yarn_stretches_slow_pairs_and_scales_all) {
  RopeParameters p = parameters("yarn");
  const RopeShape stretched = rope(p);
  BOOST_TEST(stretched.frequencies[0] == 1);
  BOOST_TEST(stretched.frequencies[3] == plain(3) / 4, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(stretched.scale == 0.1 * std::log(4) + 1, boost::test_tools::tolerance(1e-6));
  p.mscale = 2;  // alone it says nothing
  BOOST_TEST(rope(p).scale == stretched.scale);
  p.mscale_all = 1;
  BOOST_TEST(rope(p).scale == (0.2 * std::log(4) + 1) / (0.1 * std::log(4) + 1),
             boost::test_tools::tolerance(1e-6));
  p.attention_factor = 1.5;
  BOOST_TEST(rope(p).scale == 1.5f);
}

BOOST_AUTO_TEST_CASE(longrope_has_frequencies_for_short_and_for_long_sequences) {
  const RopeShape both = rope(parameters("longrope"));
  BOOST_TEST(both.short_length == 1024);
  BOOST_TEST(both.of(1024)[2] == plain(2) / 2, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(both.of(1025)[2] == plain(2) / 4, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(both.scale == std::sqrt(1 + std::log(4) / std::log(1024)),
             boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(parameters_that_make_no_sense_are_refused) {
  const auto refused = [](RopeParameters p, const char* expected) {
    const auto made = make_rope(p);
    BOOST_REQUIRE(!made.ok());
    BOOST_TEST(made.error().message.find(expected) != std::string::npos, made.error().message);
  };
  RopeParameters p = parameters("linear");
  p.factor = 0.5;
  refused(p, "factor: found 0.5");
  p = parameters("default");
  p.base = 0;
  refused(p, "rope_theta: found 0");
  p = parameters("llama3");
  p.high = p.low;
  refused(p, "the second one above the first");
  p = parameters("longrope");
  p.long_factor.pop_back();
  refused(p, "found 3 numbers, expected 4");
  refused(parameters("spiral"), "rope_type: found 'spiral'");
}

BOOST_AUTO_TEST_SUITE_END()
