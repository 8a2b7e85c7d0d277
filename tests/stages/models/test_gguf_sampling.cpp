// How a GGUF file would have its model sample.
#include <boost/test/unit_test.hpp>

#include "stages/models/gguf_metadata.hpp"
#include "stages/models/refusal.hpp"

using namespace limelight::stages;

namespace {

GgufMetadata sampling_keys(const std::map<std::string_view, GgufMetadata::Value>& keys) {
  GgufMetadata metadata("m.gguf");
  for (const auto& [key, value] : keys) metadata.add(key, value);
  return metadata;
}
std::string sampling_refusal(std::string_view key, GgufMetadata::Value value) {
  try {
    (void)gguf_sampling(sampling_keys({{key, std::move(value)}}));
    return "accepted";
  } catch (const ModelRefusal& refusal) {
    return refusal.error.message;
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gguf_sampling_keys)

BOOST_AUTO_TEST_CASE(they_mean_what_generation_config_json_means_by_them) {
  const auto made = gguf_sampling(sampling_keys({{"general.sampling.temp", 0.5},
                                                 {"general.sampling.top_k", 20.0},
                                                 {"general.sampling.top_p", 0.75},
                                                 {"general.sampling.min_p", 0.25},
                                                 {"general.sampling.penalty_repeat", 1.5},
                                                 {"general.sampling.penalty_last_n", -1.0},
                                                 {"general.sampling.mirostat", 0.0},
                                                 {"general.sampling.mirostat_tau", 5.0}}));
  BOOST_TEST(made.temperature == 0.5f);
  BOOST_TEST(made.top_k == 20);
  BOOST_TEST(made.top_p == 0.75f);
  BOOST_TEST(made.min_p == 0.25f);
  BOOST_TEST(made.repetition_penalty == 1.5f);
  const auto none = gguf_sampling(sampling_keys({{"general.name", std::string_view("m")}}));
  BOOST_TEST(none.temperature == 0);
  BOOST_TEST(none.top_p == 1);
}

BOOST_AUTO_TEST_CASE(other_ways_to_sample_and_wrong_values_are_refused_by_name) {
  const std::string at = "m.gguf: the metadata's key 'general.sampling.";
  BOOST_TEST(sampling_refusal("general.sampling.mirostat", 2.0) ==
             at + "mirostat': expected 0: this way to sample is not known here");
  BOOST_TEST(sampling_refusal("general.sampling.penalty_last_n", 64.0) ==
             at + "penalty_last_n': expected -1: a penalty counts all tokens here");
  BOOST_TEST(sampling_refusal("general.sampling.top_k", 2.5) ==
             at + "top_k': expected a whole number, -1 or more");
  BOOST_TEST(sampling_refusal("general.sampling.sequence", std::string_view("kp")) ==
             at + "sequence': expected no such key: it is not known here, and may change results");
  BOOST_TEST(sampling_refusal("general.sampling.temp", std::string_view("0.5")) ==
             at + "temp': found a text, expected a number");
  BOOST_TEST(sampling_refusal("general.sampling.top_p", 3.0) ==
             at + "top_p': found 3, expected more than 0, and 1 at most");
  BOOST_TEST(sampling_refusal("general.sampling.temp", -1.0) ==
             at + "temp': found -1, expected 0 or more");
}

BOOST_AUTO_TEST_SUITE_END()
