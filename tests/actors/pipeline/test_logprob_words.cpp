// Logprobs on their way through a channel.
#include <boost/test/unit_test.hpp>

#include "actors/pipeline/logprob_words.hpp"

using namespace limelight;
using namespace limelight::actors;

BOOST_AUTO_TEST_SUITE(logprob_words)

BOOST_AUTO_TEST_CASE(they_come_out_as_they_went_in) {
  for (const char* bytes : {"", "a", "abc", "abcd", "\xc3", "abcdefgh\n"}) {
    PositionLogprobs position;
    position.chosen = {.token_id = 7, .logprob = -0.25F, .rank = 2, .token = bytes};
    position.top.push_back({.token_id = 100'000, .logprob = -0.125F, .rank = 1, .token = "x"});
    position.top.push_back(position.chosen);
    const auto words = to_words(position);
    const auto got = logprobs_of(words);
    BOOST_REQUIRE(got.ok());
    BOOST_TEST(got->chosen.token_id == 7);
    BOOST_TEST(got->chosen.logprob == -0.25F);
    BOOST_TEST(got->chosen.rank == 2);
    BOOST_TEST(got->chosen.token == bytes);
    BOOST_REQUIRE(got->top.size() == 2u);
    BOOST_TEST(got->top[0].token_id == 100'000);
    BOOST_TEST(got->top[0].token == "x");
    BOOST_TEST(got->top[1].token == bytes);
  }
}

BOOST_AUTO_TEST_CASE(words_that_end_too_early_are_refused) {
  PositionLogprobs position;
  position.chosen.token = "abcdefgh";
  const auto words = to_words(position);
  BOOST_REQUIRE(words.size() == 6u);
  for (std::size_t n = 0; n < words.size(); ++n)
    BOOST_TEST(!logprobs_of(std::span(words).first(n)).ok());
  auto wrong = words;
  wrong[3] = -1;
  BOOST_TEST((logprobs_of(wrong).error().code == ErrorCode::corrupt));
}

BOOST_AUTO_TEST_SUITE_END()
