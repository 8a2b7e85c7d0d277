// Sampling parameters under vLLM's names.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/formats/refusal.hpp"
#include "actors/formats/sampling_json.hpp"

using namespace limelight;
using namespace limelight::formats;
using nlohmann::json;

namespace {
stages::SamplingParams read(const json& object) {
  stages::SamplingParams params;
  const Handlers known = sampling_handlers(params);
  read_object(object, "", {&known});
  check_ranges(params);
  return params;
}
std::string sampling_refusal(const json& object) {
  try {
    read(object);
  } catch (const Refusal& refused) {
    return refused.text;
  }
  return "";
}
}  // namespace

BOOST_AUTO_TEST_SUITE(sampling_json)

BOOST_AUTO_TEST_CASE(each_name_sets_its_parameter) {
  const auto p = read({{"n", 2},
                       {"seed", 18446744073709551615u},
                       {"temperature", 0.5},
                       {"top_k", 40},
                       {"max_tokens", 7},
                       {"stop", "end"},
                       {"stop_token_ids", {3}},
                       {"logit_bias", {{"15043", -100}}},
                       {"ignore_eos", true}});
  BOOST_TEST(p.n == 2);
  BOOST_TEST(*p.seed == 18446744073709551615u);
  BOOST_TEST(p.temperature == 0.5f);
  BOOST_TEST(p.top_k == 40);
  BOOST_TEST(*p.max_tokens == 7);
  BOOST_TEST(p.stop == std::vector<std::string>{"end"}, boost::test_tools::per_element());
  BOOST_TEST(p.stop_token_ids == std::vector<int>{3}, boost::test_tools::per_element());
  BOOST_TEST(p.logit_bias.at(15043) == -100.0f);
  BOOST_TEST(p.ignore_eos);
  BOOST_TEST(read({{"stop", {"a", "b"}}}).stop.size() == 2u);
}

BOOST_AUTO_TEST_CASE(values_of_other_types_and_ranges_are_refused_by_name) {
  BOOST_TEST(sampling_refusal({{"seed", -1}}) ==
             "key 'seed': found -1, expected a whole number, 0 or more");
  BOOST_TEST(sampling_refusal({{"stop", 1}}) ==
             "key 'stop': found 1, expected a text or a list of texts");
  for (const char* token : {"x", "-1", "99999999999", "1.0", ""})
    BOOST_TEST(sampling_refusal({{"logit_bias", {{token, 1}}}}) ==
               std::string("key 'logit_bias': found '") + token +
                   "', expected an object such as {\"15043\": -100}");
  BOOST_TEST(sampling_refusal({{"top_p", 2}}).starts_with("key 'top_p': found 2"));
  BOOST_TEST(
      sampling_refusal({{"temperatur", 1}}).starts_with("key 'temperatur': found an unknown key"));
}

BOOST_AUTO_TEST_SUITE_END()
