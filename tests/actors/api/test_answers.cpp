// A request that asks for several answers becomes one request for each.
#include <boost/test/unit_test.hpp>

#include "actors/api/answers.hpp"

using namespace limelight;
using actors::answers_of;

BOOST_AUTO_TEST_SUITE(answers)

BOOST_AUTO_TEST_CASE(answers_differ_in_their_seeds_alone) {
  GenerateRequest request{.prompt = "Hi", .request_id = "a"};
  request.sampling_params = stages::SamplingParams{.top_k = 7, .seed = 5, .n = 3};
  const auto all = answers_of(request, {});
  BOOST_REQUIRE(all.size() == 3u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    BOOST_TEST(all[i].prompt == "Hi");
    BOOST_TEST(all[i].request_id == "a");
    BOOST_TEST(all[i].sampling_params->seed.value() == 5 + i);
    BOOST_TEST(all[i].sampling_params->n == 1);
    BOOST_TEST(all[i].sampling_params->top_k == 7);
  }
}

BOOST_AUTO_TEST_CASE(without_parameters_or_a_seed_the_defaults_and_a_drawn_one_hold) {
  const auto all = answers_of({.prompt = "Hi"}, {.n = 2});
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST(all[1].sampling_params->seed.value() == all[0].sampling_params->seed.value() + 1);
}

BOOST_AUTO_TEST_CASE(one_answer_and_wrong_parameters_stay_as_they_are) {
  BOOST_TEST(!answers_of({.prompt = "Hi"}, {}).at(0).sampling_params.has_value());
  for (const stages::SamplingParams& params :
       {stages::SamplingParams{.n = 0}, {.n = 1000}, {.top_p = 0, .n = 2}}) {
    GenerateRequest request{.prompt = "Hi"};
    request.sampling_params = params;
    const auto same = answers_of(request, {});
    BOOST_REQUIRE(same.size() == 1u);
    BOOST_TEST(same[0].sampling_params->n == params.n);
  }
}

BOOST_AUTO_TEST_SUITE_END()
