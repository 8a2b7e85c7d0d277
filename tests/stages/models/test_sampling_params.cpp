// The ranges of sampling parameters, and what their errors say.
#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>
#include <limits>

using namespace limelight::stages;

BOOST_AUTO_TEST_CASE(each_parameter_has_a_range_that_its_error_states) {
  BOOST_TEST(check(SamplingParams{}).ok());
  BOOST_TEST(
      check(SamplingParams{.temperature = 99, .top_p = 1, .top_k = -1, .min_p = 1, .max_tokens = 1})
          .ok());
  const struct {
    SamplingParams params;
    const char* expected;
  } cases[] = {
      {{.temperature = -0.5f}, "temperature: found -0.5, expected 0 or more"},
      {{.temperature = std::numeric_limits<float>::quiet_NaN()}, "temperature: found nan"},
      {{.top_p = 0}, "top_p: found 0, expected more than 0, and 1 at most"},
      {{.top_p = 1.5f}, "top_p: found 1.5, expected more than 0, and 1 at most"},
      {{.top_k = -2}, "top_k: found -2, expected -1 or 0 (no limit), or more"},
      {{.min_p = 2}, "min_p: found 2, expected 0 to 1"},
      {{.max_tokens = 0}, "max_tokens: found 0, expected 1 to 1048576"},
      {{.max_tokens = 3, .min_tokens = 4}, "min_tokens: found 4, expected 0 to 3"},
      {{.repetition_penalty = 0}, "repetition_penalty: found 0, expected more than 0"},
      {{.presence_penalty = 2.5f}, "presence_penalty: found 2.5, expected -2 to 2"},
      {{.frequency_penalty = -3}, "frequency_penalty: found -3, expected -2 to 2"},
      {{.logit_bias = {{7, 101.0f}}}, "logit_bias: found 101 for token 7, expected -100 to 100"},
      {{.stop = {""}}, "stop: found a string of 0 bytes, expected 1 to 1024 bytes"},
      {{.stop_token_ids = {-1}}, "stop_token_ids: found -1, expected tokens of 0 or more"},
      {{.logprobs = 21}, "logprobs: found 21, expected 0 to 20"},
      {{.n = 0}, "n: found 0, expected 1 to 128"},
      {{.speech = {.speaker = std::string(257, 'a')}}, "speaker: found a text of 257 bytes"},
      {{.speech = {.language = std::string(257, 'a')}}, "language: found a text of 257 bytes"},
      {{.speech = {.instructions = std::string(1 << 17, 'a')}},
       "instructions: found a text of 131072 bytes, expected 65536 at most"},
  };
  for (const auto& c : cases) {
    const auto refused = check(c.params);
    BOOST_REQUIRE_MESSAGE(!refused.ok(), c.expected);
    BOOST_TEST((refused.error().code == limelight::ErrorCode::invalid_argument));
    BOOST_TEST(refused.error().message.starts_with(c.expected), refused.error().message);
  }
}

// As a message carries them.
BOOST_AUTO_TEST_CASE(an_inspector_reads_and_writes_members_that_may_be_missing) {
  struct {
    bool write_max = false, write_seed = false;
    int seen = 0;
    // The places of max_tokens and seed among the arguments.
    bool operator()(float,
                    float,
                    int,
                    float,
                    bool& max_given,
                    int& max,
                    int,
                    bool& seed_given,
                    std::uint64_t& seed,
                    float,
                    float,
                    float,
                    const std::map<std::int32_t, float>&,
                    const std::vector<std::string>&,
                    const std::vector<int>&,
                    bool,
                    int,
                    int,
                    const std::string&,
                    const std::string&,
                    const std::string&,
                    bool) {
      ++seen;
      if (write_max) max_given = true, max = 7;
      if (write_seed) seed_given = false, seed = 9;
      return true;
    }
  } inspector;
  SamplingParams params{.seed = 5};
  BOOST_TEST(inspect(inspector, params));
  BOOST_TEST(!params.max_tokens.has_value());
  BOOST_TEST(params.seed.value() == 5u);
  inspector.write_max = inspector.write_seed = true;
  BOOST_TEST(inspect(inspector, params));
  BOOST_TEST(params.max_tokens.value() == 7);
  BOOST_TEST(!params.seed.has_value());
}
