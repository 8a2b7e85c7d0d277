// Whose trace a file is.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/trace_origin.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(trace_origin)

BOOST_AUTO_TEST_CASE(names_of_files_and_folders_tell_rank_stage_and_session) {
  const struct {
    const char *file, *rank, *stage, *session;
  } cases[] = {
      {"p-17-rank-3.h_7_stage2-code2wav.pt.trace.json.gz", "3", "2 code2wav", "p-17"},
      {"1755.12-TP-1-DP-0.trace.json.gz", "1", "", "1755.12"},
      {"20260101_stage1_rank0_99/trace_rank0.json", "0", "1", "20260101"},
      {"dp0_pp0_tp1_rank5.123.pt.trace.json", "5", "", ""},
      {"host_123.456.pt.trace.json", "", "", ""},
      {"rank_12.json", "12", "", ""},
  };
  for (const auto& c : cases) {
    const auto origin = prof::origin_of({}, c.file);
    BOOST_TEST((origin.rank ? std::to_string(*origin.rank) : "") == c.rank, c.file);
    BOOST_TEST(origin.stage == c.stage, c.file);
    BOOST_TEST(origin.session == c.session, c.file);
    BOOST_TEST(!origin.limelight);
  }
}

BOOST_AUTO_TEST_CASE(keys_decide_before_names) {
  const auto pytorch = prof::origin_of(
      {{"schemaVersion", "1"},
       {"baseTimeNanoseconds", "77"},
       {"distributedInfo", R"({"backend": "nccl", "rank": 2, "pg_config": [{"a":1}]})"}},
      "rank9.json");
  BOOST_TEST(pytorch.rank.value() == 2);
  BOOST_TEST(pytorch.backend == "nccl");
  BOOST_TEST(pytorch.groups_json == "[{\"a\":1}]");
  BOOST_TEST(pytorch.base_ns.value() == 77);
  BOOST_TEST(pytorch.program == "PyTorch");
  const auto merged = prof::origin_of(
      {{"host_name", "\"merged\""}, {"distributedInfo", R"({"rank": 0})"}}, "rank1.json");
  BOOST_TEST(merged.merged);
  BOOST_TEST(!merged.rank.has_value());
  const auto viz = prof::origin_of(
      {{"viztracer_metadata", R"({"version": "1", "baseTimeNanoseconds": 5})"}}, "result.json");
  BOOST_TEST(viz.program == "viztracer");
  BOOST_TEST(viz.base_ns.value() == 5);
  const auto clang = prof::origin_of({{"beginningOfTime", "1774000000000123"}}, "a.json");
  BOOST_TEST(clang.program == "Clang");
  BOOST_TEST(clang.base_ns.value() == 1'774'000'000'000'123'000);
  BOOST_TEST(!prof::origin_of({{"beginningOfTime", "-9223372036854775808"}}, "a.json").base_ns);
  BOOST_TEST(prof::origin_of({{"otherData", R"({"bazel_version": "8"})"}}, "a.json").program ==
             "Bazel");
}

BOOST_AUTO_TEST_CASE(values_of_other_types_are_passed_over) {
  for (const char* odd : {"null", "7", "\"x\"", "[]", "{\"rank\": \"x\"}", "{\"rank\": -1}",
                          "{\"rank\": 99999999999}"}) {
    const auto origin = prof::origin_of(
        {{"distributedInfo", odd}, {"baseTimeNanoseconds", odd}, {"limelight", odd}}, "a.json");
    BOOST_TEST(!origin.rank.has_value(), odd);
    BOOST_TEST(origin.session == "", odd);
  }
}

BOOST_AUTO_TEST_SUITE_END()
