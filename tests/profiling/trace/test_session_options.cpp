// The words of a session: activities, and the name of its file.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <regex>

#include "profiling/trace/session_options.hpp"
#include "tests/support.hpp"

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

BOOST_AUTO_TEST_CASE(a_detail_is_one_of_three_words) {
  for (const char* good : {"", "step", "block", "op"})
    BOOST_TEST(prof::check_profile({.detail = good}).ok(), good);
  const auto refused = prof::check_profile({.detail = "layers"});
  BOOST_TEST(refused.error().message == "detail: found 'layers', expected step, block or op");
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

BOOST_AUTO_TEST_CASE(names_of_files_have_plain_characters_alone) {
  BOOST_TEST(prof::plain_name("node-7.example.org_a") == "node-7.example.org_a");
  BOOST_TEST(prof::plain_name("a/b\n c\xc3\xa4") == "a-b--c--");
  prof::SessionOptions options{.directory = "d", .timestamp = "17", .stage_name = "../up/thinker"};
  BOOST_TEST(prof::trace_file_name(options).find('/') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_session_of_a_process_has_a_time_of_its_own) {
  std::string before = prof::session_timestamp();
  for (int i = 0; i < 1000; ++i) {
    const std::string next = prof::session_timestamp();
    BOOST_REQUIRE(std::stoll(next) > std::stoll(before));
    before = next;
  }
}

BOOST_AUTO_TEST_CASE(a_folder_is_one_of_this_machine) {
  for (const char* path : {"traces", "/a/b", "./~x", "a:b", ""})
    BOOST_TEST(*prof::trace_folder(path) == path);
  const std::string home = getenv("HOME");
  setenv("HOME", "/home/me", 1);
  BOOST_TEST(*prof::trace_folder("~") == "/home/me/");
  BOOST_TEST(*prof::trace_folder("~/x/y") == "/home/me/x/y");
  setenv("HOME", "", 1);
  BOOST_TEST(!prof::trace_folder("~/x").ok());
  setenv("HOME", home.c_str(), 1);
  for (const char* path : {"gs://bucket/x", "s3://b", "file:///tmp", "~other/x"}) {
    const auto refused = prof::trace_folder(path);
    BOOST_REQUIRE_MESSAGE(!refused.ok(), path);
    BOOST_TEST((refused.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(refused.error().message.find("found '" + std::string(path) + "', expected") !=
               std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_name_that_is_too_long_is_found_before_anything_is_recorded) {
  const limelight::tests::Folder folder;
  prof::SessionOptions options{
      .directory = folder.path / "sub", .timestamp = "17", .stage_name = "thinker"};
  BOOST_TEST(prof::prepare_folder(options).ok());
  BOOST_TEST(std::filesystem::is_directory(folder.path / "sub"));
  options.profile.prefix = std::string(240, 'p');
  const auto refused = prof::prepare_folder(options);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::invalid_argument));
  BOOST_TEST(refused.error().message.find("choose a shorter prefix (found one of 240)") !=
                 std::string::npos,
             refused.error().message);
  limelight::tests::write_file(folder.path / "file", "");
  options.directory = folder.path / "file";
  BOOST_TEST((prof::prepare_folder(options).error().code == ErrorCode::io));
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
