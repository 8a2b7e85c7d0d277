// The result of a load under the keys of vLLM's benchmarks, for requests with known times.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "bench/load/load_result.hpp"

using namespace limelight::bench;
using nlohmann::json;

namespace {

// Asked at 1 s, text at 1.5, 1.6 and 1.8 s, sound of 1 s at 2 s and at 3.25 s, done at 4 s.
RequestTimes spoken() {
  RequestTimes times{.success = true,
                     .start = 1,
                     .end = 4,
                     .texts = {1.5, 1.6, 1.8},
                     .text = "one two three",
                     .prompt_tokens = 10,
                     .output_tokens = 3,
                     .stages = {{"stage_0_gen_ms", 30}}};
  times.sound.add(2, 1);
  times.sound.add(3.25, 1);
  return times;
}
LoadResult two_and_a_failure() {
  LoadResult result{.duration = 10, .about = {{"backend", "openai-chat"}}};
  result.requests.push_back(spoken());
  result.requests.push_back({.success = true,
                             .start = 2,
                             .end = 3,
                             .texts = {2.25, 2.75},
                             .prompt_tokens = 20,
                             .output_tokens = 2,
                             .stages = {{"stage_0_gen_ms", 10}}});
  result.requests.push_back({.error = "status 503: full", .start = 2, .end = 2.1});
  return result;
}
const std::vector<std::string> all_metrics{
    "ttft", "tpot", "itl", "e2el", "audio_ttfp", "audio_rtf", "audio_duration", "audio_underrun"};

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_load_result, *boost::unit_test::tolerance(1e-9))

BOOST_AUTO_TEST_CASE(each_key_of_vllm_has_the_value_that_the_times_give) {
  const json all = json::parse(
      load_json(two_and_a_failure(), {.metrics = all_metrics, .percentiles = {50, 99.9}}).dump());
  const std::pair<const char*, double> expected[] = {
      {"duration", 10},
      {"completed", 2},
      {"failed", 1},
      {"total_input_tokens", 30},
      {"total_output_tokens", 5},
      {"request_throughput", 0.2},
      {"output_throughput", 0.5},
      {"total_token_throughput", 3.5},
      {"mean_ttft_ms", 375},
      {"median_ttft_ms", 375},
      {"std_ttft_ms", 125},
      {"p50_ttft_ms", 375},
      {"p99.9_ttft_ms", 499.75},
      {"mean_tpot_ms", 325},
      {"mean_itl_ms", 800.0 / 3},
      {"mean_e2el_ms", 2000},
      {"mean_audio_ttfp_ms", 1000},
      {"mean_audio_rtf", 1.5},
      {"mean_audio_duration_s", 2},
      {"mean_audio_underrun_s", 0.25},
      {"total_audio_duration_s", 2},
      {"audio_throughput", 0.2},
      {"audio_continuity_ok_rate", 0},  // a gap of more than 100 ms
      {"max_concurrent_requests", 2},
      {"max_output_tokens_per_s", 3}};
  for (const auto& [key, value] : expected) {
    BOOST_REQUIRE_MESSAGE(all.contains(key), key);
    BOOST_TEST(all[key].get<double>() == value, key);
  }
  BOOST_TEST(all["request_goodput"].is_null());
  BOOST_TEST(all["backend"] == "openai-chat");
  BOOST_TEST(all["stage_durations_mean"]["stage_0_gen_ms"].get<double>() == 20);
  BOOST_TEST(!all.contains("ttfts"));
}

BOOST_AUTO_TEST_CASE(a_good_request_keeps_all_limits) {
  const auto goodput = [](const std::string& limits) {
    return load_json(two_and_a_failure(), {.goodput = *read_goodput(limits)})["request_goodput"]
        .get<double>();
  };
  BOOST_TEST(goodput("ttft:500") == 0.2);
  BOOST_TEST(goodput("ttft:499") == 0.1);
  BOOST_TEST(goodput("ttft:499,e2el:900") == 0);
  BOOST_TEST(goodput("audio_rtf:2") == 0.1);  // the other made no sound
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_and_is_not_there_is_refused) {
  BOOST_TEST(read_goodput("ttft").error().message.find("expected METRIC:LIMIT") !=
             std::string::npos);
  BOOST_TEST(!read_goodput("ttfx:5"));
  BOOST_TEST(!read_goodput("itl:5"));
  BOOST_TEST(!read_goodput("ttft:-1"));
  BOOST_TEST(!read_percentiles("50,101"));
  BOOST_TEST(!read_percentiles(""));
  BOOST_TEST(!read_percentiles("50,,99"));
  BOOST_TEST((*read_percentiles("50,99.9") == std::vector<double>{50, 99.9}));
  BOOST_TEST(check(LoadReport{.metrics = {"ttfq"}}).error().message ==
             "found the metric 'ttfq', expected some of ttft, tpot, itl, e2el, audio_ttfp, "
             "audio_rtf, audio_duration, audio_underrun");
}

BOOST_AUTO_TEST_CASE(details_have_an_entry_for_each_request_in_order) {
  const json all = json::parse(load_json(two_and_a_failure(), {.detailed = true}).dump());
  BOOST_TEST((all["input_lens"] == json{10, 20, 0}));
  BOOST_TEST((all["ttfts"] == json{0.5, 0.25, 0.0}));
  BOOST_TEST(all["itls"][0].size() == 2u);
  BOOST_TEST((all["errors"] == json{"", "", "status 503: full"}));
  BOOST_TEST(all["generated_texts"][0] == "one two three");
}

BOOST_AUTO_TEST_CASE(runs_are_joined_one_after_the_other) {
  LoadResult twice = joined({two_and_a_failure(), two_and_a_failure()});
  const json all = json::parse(load_json(twice, {}).dump());
  BOOST_TEST(all["duration"].get<double>() == 20);
  BOOST_TEST(all["completed"] == 4);
  BOOST_TEST(all["mean_e2el_ms"].get<double>() == 2000);
  BOOST_TEST(all["max_concurrent_requests"] == 2);
}

BOOST_AUTO_TEST_CASE(the_table_says_what_was_not_measured_and_what_failed) {
  LoadResult result = two_and_a_failure();
  result.requests.erase(result.requests.begin());
  const std::string table = load_table(result, {.metrics = {"e2el", "audio_ttfp"}});
  BOOST_TEST(table.find("Time to First Packet of Audio: none was measured") != std::string::npos);
  BOOST_TEST(table.find("failed: status 503: full") != std::string::npos);
  BOOST_TEST(load_csv(result, {.metrics = {"e2el"}, .percentiles = {99}}) ==
             "metric,unit,samples,mean,median,std,ci95_low,ci95_high,p99\n"
             "e2el,ms,1,1000,1000,0,1000,1000,1000\n");
}

BOOST_AUTO_TEST_SUITE_END()
