// How the next token is chosen.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <map>

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

namespace {

// How often each token is drawn from the same logits, by samplers of different seeds.
std::map<int, double> shares(SamplingParams params, const std::vector<float>& logits) {
  constexpr int draws = 20'000;
  std::map<int, double> shares;
  for (int i = 0; i < draws; ++i) {
    params.seed = static_cast<std::uint64_t>(i);
    auto copy = logits;
    shares[*Sampler(params).next(copy)] += 1.0 / draws;
  }
  return shares;
}
// The logits after one step, which next() overwrites.
std::vector<float> changed(Sampler& sampler, std::vector<float> logits) {
  BOOST_REQUIRE(sampler.next(logits).ok());
  return logits;
}
std::vector<float> logs(std::vector<double> probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

}  // namespace

BOOST_AUTO_TEST_CASE(temperature_min_p_top_k_and_top_p_keep_what_vllm_keeps) {
  const std::vector<float> logits = logs({0.4, 0.3, 0.15, 0.1, 0.05});
  const auto expect = [&](const SamplingParams& params, const std::vector<double>& expected) {
    std::map<int, double> found = shares(params, logits);
    for (std::size_t token = 0; token < expected.size(); ++token)
      BOOST_TEST(std::abs(found[static_cast<int>(token)] - expected[token]) < 0.015,
                 "token " << token << ": " << found[static_cast<int>(token)] << ", expected "
                          << expected[token]);
  };
  expect({.temperature = 1}, {0.4, 0.3, 0.15, 0.1, 0.05});
  expect({.temperature = 1, .top_k = -1}, {0.4, 0.3, 0.15, 0.1, 0.05});
  expect({.temperature = 1e-6f}, {1, 0, 0, 0, 0});
  // Squares: 0.16, 0.09, 0.0225, 0.01, 0.0025, together 0.285.
  expect({.temperature = 0.5f}, {0.561, 0.316, 0.079, 0.035, 0.009});
  expect({.temperature = 1, .top_k = 2}, {4.0 / 7, 3.0 / 7, 0, 0, 0});
  // 0.4 + 0.3 are less than 0.75, with 0.15 they are enough.
  expect({.temperature = 1, .top_p = 0.75f}, {0.4 / 0.85, 0.3 / 0.85, 0.15 / 0.85, 0, 0});
  // Of the two that top_k leaves the first has 4/7 = 0.571: enough for 0.5, not for 0.6.
  expect({.temperature = 1, .top_p = 0.5f, .top_k = 2}, {1, 0, 0, 0, 0});
  expect({.temperature = 1, .top_p = 0.6f, .top_k = 2}, {4.0 / 7, 3.0 / 7, 0, 0, 0});
  // At least 0.3 of 0.4, which is 0.12.
  expect({.temperature = 1, .min_p = 0.3f}, {0.4 / 0.85, 0.3 / 0.85, 0.15 / 0.85, 0, 0});
  // After the temperature: 0.0225 of 0.16 is less than 0.3.
  expect({.temperature = 0.5f, .min_p = 0.3f}, {0.16 / 0.25, 0.09 / 0.25, 0, 0, 0});
  expect({.temperature = 1, .logit_bias = {{0, -100.0f}}}, {0, 0.5, 0.25, 0.1667, 0.0833});
}

BOOST_AUTO_TEST_CASE(repetition_counts_prompt_and_output_the_other_penalties_output_alone) {
  const std::vector<float> logits{4, 2, -2, 1};
  {
    Sampler sampler({.repetition_penalty = 2});
    sampler.set_prompt(std::vector<int>{1, 2, 2});
    BOOST_TEST(changed(sampler, logits) == (std::vector<float>{4, 1, -4, 1}),
               boost::test_tools::per_element());  // and chooses token 0
    BOOST_TEST(changed(sampler, logits) == (std::vector<float>{2, 1, -4, 1}),
               boost::test_tools::per_element());
  }
  {
    Sampler sampler({.presence_penalty = 0.5f, .frequency_penalty = 0.25f});
    sampler.set_prompt(std::vector<int>{1, 2, 2});
    BOOST_TEST(changed(sampler, logits) == logits, boost::test_tools::per_element());
    BOOST_TEST(changed(sampler, logits) == (std::vector<float>{3.25, 2, -2, 1}),
               boost::test_tools::per_element());  // token 0 once: 0.5 + 0.25
    BOOST_TEST(changed(sampler, logits) == (std::vector<float>{3, 2, -2, 1}),
               boost::test_tools::per_element());  // twice: 0.5 + 2 * 0.25
  }
  {
    // The bias comes before the penalties: (2 + 3) / 2.
    Sampler sampler({.repetition_penalty = 2, .logit_bias = {{1, 3.0f}, {99, 1.0f}}});
    sampler.set_prompt(std::vector<int>{1});
    BOOST_TEST(changed(sampler, logits) == (std::vector<float>{4, 2.5, -2, 1}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(no_end_is_chosen_before_min_tokens) {
  Sampler sampler({.max_tokens = 5, .min_tokens = 2, .stop_token_ids = {1}});
  sampler.set_ends({0});
  const std::vector<float> logits{4, 3, 2, 1};
  std::vector<int> tokens;
  for (int i = 0; i < 3; ++i) {
    auto copy = logits;
    tokens.push_back(*sampler.next(copy));
  }
  BOOST_TEST(tokens == (std::vector<int>{2, 2, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(logprobs_are_of_the_logits_before_penalties_and_temperature) {
  Sampler sampler({.temperature = 0, .logit_bias = {{0, -100.0f}}, .logprobs = 2});
  std::vector<float> logits = logs({0.4, 0.3, 0.2, 0.1});
  BOOST_TEST(*sampler.next(logits) == 1);
  const auto& found = sampler.logprobs();
  BOOST_TEST(found.chosen.token_id == 1);
  BOOST_TEST(found.chosen.rank == 2);
  BOOST_TEST(std::abs(found.chosen.logprob - std::log(0.3)) < 1e-6);
  BOOST_REQUIRE(found.top.size() == 2u);
  BOOST_TEST(found.top[0].token_id == 0);
  BOOST_TEST(found.top[0].rank == 1);
  BOOST_TEST(std::abs(found.top[0].logprob - std::log(0.4)) < 1e-6);
  BOOST_TEST(found.top[1].token_id == 1);
}
