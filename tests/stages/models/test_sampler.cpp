// How the next token is chosen.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>

#include "stages/models/sampler.hpp"

using namespace limelight::stages;

BOOST_AUTO_TEST_CASE(sampling_keeps_to_its_parameters) {
  const std::vector<float> logits{0.1f, 3.0f, 2.9f, -1.0f};
  const auto draw = [&](SamplingParams params, int count) {
    Sampler sampler(params);
    std::vector<int> tokens;
    for (int i = 0; i < count; ++i) {
      auto copy = logits;
      tokens.push_back(*sampler.next(copy));
    }
    return tokens;
  };
  SamplingParams params;
  BOOST_TEST(draw(params, 3) == (std::vector<int>{1, 1, 1}),
             boost::test_tools::per_element());  // temperature 0: the largest
  params.repetition_penalty = 2;
  BOOST_TEST(draw(params, 2) == (std::vector<int>{1, 2}), boost::test_tools::per_element());
  params.repetition_penalty = 1;
  params.temperature = 1;
  params.top_k = 2;
  const auto tokens = draw(params, 200);
  BOOST_TEST(std::count(tokens.begin(), tokens.end(), 1) +
                 std::count(tokens.begin(), tokens.end(), 2) ==
             200);
  BOOST_TEST(std::count(tokens.begin(), tokens.end(), 2) > 50);
  BOOST_TEST((draw(params, 200) == tokens));  // the same seed
  params.seed = 1;
  BOOST_TEST((draw(params, 200) != tokens));
  params.top_p = 0.3f;
  BOOST_TEST(draw(params, 2) == (std::vector<int>{1, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(logits_that_are_no_numbers_are_an_error_that_names_the_step) {
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    Sampler sampler({});
    std::vector<float> logits{1, 2, 3};
    BOOST_TEST(*sampler.next(logits) == 2);
    logits = {1, wrong, 3};
    const auto refused = sampler.next(logits);
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST((refused.error().code == limelight::ErrorCode::corrupt));
    BOOST_TEST(refused.error().message.starts_with("step 2 of this request"));
  }
}
