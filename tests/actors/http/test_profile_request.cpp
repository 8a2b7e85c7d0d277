// The body of /start_profile.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/http/profile_request.hpp"

using limelight::http::read_profile;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(profile_request)

BOOST_AUTO_TEST_CASE(every_option_has_its_key) {
  const auto read = read_profile({{"stages", {0, 2}},
                                  {"ranks", {1}},
                                  {"run_id", "run"},
                                  {"request_id", "request"},
                                  {"start_at_ns", 5},
                                  {"steps", 6},
                                  {"milliseconds", 7},
                                  {"bytes", 8},
                                  {"prefix", "before"},
                                  {"format", "json.zst"},
                                  {"activities", "cpu,ipc"},
                                  {"orchestrator", true}});
  BOOST_REQUIRE(read.ok());
  BOOST_TEST((read->stages.ids == std::vector<int>{0, 2}));
  const limelight::ProfileOptions& options = read->options;
  BOOST_TEST((options.ranks == std::vector<int>{1}));
  BOOST_TEST(options.run_id == "run");
  BOOST_TEST(options.request_id == "request");
  BOOST_TEST(options.start_at_ns == 5);
  BOOST_TEST(options.steps == 6u);
  BOOST_TEST(options.milliseconds == 7u);
  BOOST_TEST(options.bytes == 8u);
  BOOST_TEST(options.prefix == "before");
  BOOST_TEST(options.format == "json.zst");
  BOOST_TEST(options.activities == "cpu,ipc");
  BOOST_TEST(options.orchestrator);
  BOOST_TEST(read_profile(json::object())->stages.ids.empty());
}

BOOST_AUTO_TEST_CASE(keys_of_others_mean_the_same_or_are_refused) {
  const auto read = read_profile({{"num_steps", 5},
                                  {"activities", {"CPU", "GPU"}},
                                  {"profile_prefix", "p"},
                                  {"profile_id", "id"},
                                  {"with_stack", false},
                                  {"with_memory", true},
                                  {"detail", "block"},
                                  {"start_step", 3}});
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->options.steps == 5u);
  BOOST_TEST(read->options.delay_steps == 3u);
  BOOST_TEST(read->options.with_memory);
  BOOST_TEST(read->options.detail == "block");
  BOOST_TEST(read->options.activities == "cpu,ipc,actors,collectives,gpu");
  BOOST_TEST(read->options.prefix == "p");
  BOOST_TEST(read->options.run_id == "id");
  for (const json& bad :
       {json{{"output_dir", "/tmp"}}, json{{"start_step", -3}}, json{{"with_stack", 1}},
        json{{"merge_profiles", true}}, json{{"profile_stages", {"decode"}}}, json{{"steps", -1}},
        json{{"profile_by_stage", true}}, json{{"profile_by_stage", "decode"}},
        json{{"start_at_ns", 1e30}}, json{{"ranks", 1}}, json{{"what", 1}}}) {
    const auto refused = read_profile(bad);
    BOOST_REQUIRE_MESSAGE(!refused.ok(), bad.dump());
    BOOST_TEST(refused.error().message.starts_with("key '" + bad.begin().key() + "': found "));
  }
}

BOOST_AUTO_TEST_CASE(a_profile_by_stage_is_one_of_the_phase_that_it_names) {
  for (const std::string phase : {"prefill", "decode"}) {
    const auto read = read_profile(
        {{"profile_by_stage", true}, {"profile_stages", json::array({phase})}, {"num_steps", 4}});
    BOOST_REQUIRE(read.ok());
    BOOST_TEST(read->options.phase == phase);
    BOOST_TEST(read->options.steps == 4u);  // of that phase alone, as there
  }
  BOOST_TEST(read_profile({{"profile_by_stage", false}, {"profile_stages", json::array()}})
                 ->options.phase.empty());
  for (const json& phases : {json::array({"prefill", "decode"}), json::array({"thinker"}),
                             json::array(), json("decode")}) {
    const auto refused = read_profile({{"profile_by_stage", true}, {"profile_stages", phases}});
    BOOST_REQUIRE_MESSAGE(!refused.ok(), phases.dump());
    BOOST_TEST(refused.error().message.starts_with(
                   "key 'profile_by_stage': found true with profile_stages " + phases.dump() +
                   ", expected [\"prefill\"] or [\"decode\"]"),
               refused.error().message);
  }
  BOOST_TEST(!read_profile({{"profile_by_stage", true},
                            {"profile_stages", json::array({"decode"})},
                            {"phase", "prefill"}})
                  .ok());
}

BOOST_AUTO_TEST_SUITE_END()
