// The flags of `limelight run` that say how a request is sampled.
#include <CLI/CLI.hpp>
#include <boost/test/unit_test.hpp>

#include "cli/sampling_flags.hpp"

using namespace limelight;
using namespace limelight::cli;

namespace {
// The parameters that these flags make of the defaults of a config.
stages::SamplingParams with(const std::string& flags, RunOptions& options) {
  CLI::App app;
  add_sampling_flags(app, options);
  app.parse(flags);
  stages::SamplingParams params{.temperature = 0.5f, .top_k = 7, .stop = {"config"}};
  for (const auto& set : options.sampling) set(params);
  return params;
}
stages::SamplingParams with(const std::string& flags) {
  RunOptions options;
  return with(flags, options);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(sampling_flags)

BOOST_AUTO_TEST_CASE(each_flag_sets_its_parameter_and_no_other) {
  const auto params = with(
      "--temperature 0.8 --top-p 0.9 --min-p 0.1 --max-tokens 12 --seed 18446744073709551615 "
      "--presence-penalty -1 --frequency-penalty 0.25 --repetition-penalty 1.5 --n 3 "
      "--logprobs 5 --ignore-eos");
  BOOST_TEST(params.temperature == 0.8f);
  BOOST_TEST(params.top_p == 0.9f);
  BOOST_TEST(params.min_p == 0.1f);
  BOOST_TEST(*params.max_tokens == 12);
  BOOST_TEST(*params.seed == 18446744073709551615u);
  BOOST_TEST(params.presence_penalty == -1.0f);
  BOOST_TEST(params.frequency_penalty == 0.25f);
  BOOST_TEST(params.repetition_penalty == 1.5f);
  BOOST_TEST(params.n == 3);
  BOOST_TEST(params.logprobs == 5);
  BOOST_TEST(params.ignore_eos);
  BOOST_TEST(params.top_k == 7);  // of the config
}

BOOST_AUTO_TEST_CASE(without_flags_the_config_counts) {
  const auto params = with("");
  BOOST_TEST(params.temperature == 0.5f);
  BOOST_TEST(!params.max_tokens.has_value());
  BOOST_TEST(!params.seed.has_value());
  BOOST_TEST(params.stop == std::vector<std::string>{"config"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(stop_may_be_given_again_and_replaces_that_of_the_config) {
  const auto params = with("--stop one --stop \"two words\"");
  BOOST_TEST(params.stop == (std::vector<std::string>{"one", "two words"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_system_message_is_an_option_of_the_run) {
  RunOptions options;
  (void)with("--system \"Be brief.\"", options);
  BOOST_TEST(options.system == "Be brief.");
}

BOOST_AUTO_TEST_CASE(a_voice_is_a_speaker_a_language_and_instructions) {
  const auto speech = with("--speaker vivian --language english --instructions \"Be fast\"").speech;
  BOOST_TEST(speech.speaker == "vivian");
  BOOST_TEST(speech.language == "english");
  BOOST_TEST(speech.instructions == "Be fast");
  BOOST_TEST((with("").speech == stages::SpeechParams{}));
}

BOOST_AUTO_TEST_CASE(what_is_no_number_is_refused) {
  for (const char* wrong :
       {"--temperature warm", "--top-k 1.5", "--seed -1", "--seed 18446744073709551616", "--n"})
    BOOST_CHECK_THROW(with(wrong), CLI::ParseError);
}

BOOST_AUTO_TEST_SUITE_END()
