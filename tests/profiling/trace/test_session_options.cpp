// The words of a session: activities, and the name of its file.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <regex>

#include "profiling/trace/session_options.hpp"

namespace prof = limelight::profiling;
using limelight::ErrorCode;

BOOST_AUTO_TEST_SUITE(session_options)

BOOST_AUTO_TEST_CASE(activities_are_words_between_commas_and_no_word_is_all) {
  const auto set = [](auto... activities) {
    return (0u | ... | static_cast<unsigned>(activities));
  };
  BOOST_TEST(*prof::parse_activities("") == prof::all_activities);
  BOOST_TEST(*prof::parse_activities("cpu,ipc,actors,collectives,gpu") == prof::all_activities);
  BOOST_TEST(*prof::parse_activities("gpu") == set(prof::Activity::gpu));
  BOOST_TEST(*prof::parse_activities("ipc,cpu,ipc") ==
             set(prof::Activity::cpu, prof::Activity::ipc));
  for (const char* bad : {"gpus", "cpu,,ipc", " cpu", "CPU", ","}) {
    const auto refused = prof::parse_activities(bad);
    BOOST_REQUIRE_MESSAGE(!refused.ok(), bad);
    BOOST_TEST((refused.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(refused.error().message.find("cpu,ipc,actors,collectives,gpu") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_file_s_name_shows_session_rank_process_and_stage) {
  prof::SessionOptions options{.directory = "d",
                               .timestamp = "17",
                               .rank = 3,
                               .world_size = 4,
                               .stage_id = 2,
                               .stage_name = "code2wav"};
  const std::string pid = std::to_string(getpid());
  const auto is = [&](const std::string& pattern) {
    const std::string name = prof::trace_file_name(options);
    BOOST_TEST(std::regex_match(name, std::regex(pattern)), name);
  };
  is(R"(17-rank-3\..+_)" + pid + R"(_stage2-code2wav\.pt\.trace\.json\.gz)");
  options.profile.prefix = "flight";
  options.pid = 77;
  options.profile.format = "json.zst";
  options.stage_id = -1;
  options.stage_name = "orchestrator";
  is(R"(flight-17-rank-3\..+_77_orchestrator\.pt\.trace\.json\.zst)");
}

BOOST_AUTO_TEST_CASE(the_overhead_is_the_share_of_one_core) {
  limelight::RankTrace report;
  BOOST_TEST(report.overhead_percent() == 0);  // of no time
  report.session_ns = 1'000'000;
  report.profiler_cpu_ns = 10'000;
  report.events = 100;
  report.span_ns = 50;
  BOOST_TEST(report.overhead_percent() == 1.5, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()
