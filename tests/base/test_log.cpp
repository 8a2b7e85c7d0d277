// What the library says reaches the sink of the program, and nobody else.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(base_log)

BOOST_AUTO_TEST_CASE(messages_reach_the_sink_that_is_set_and_none_when_there_is_none) {
  std::vector<std::string> first, second;
  log(LogLevel::error, "before there is a sink");
  set_log_sink([&](LogLevel level, std::string_view message) {
    first.push_back(std::to_string(static_cast<int>(level)) + std::string(message));
  });
  log(LogLevel::info, "a");
  log(LogLevel::error, "b");
  set_log_sink([&](LogLevel, std::string_view message) { second.emplace_back(message); });
  log(LogLevel::warning, "c");
  set_log_sink({});
  log(LogLevel::warning, "lost");
  BOOST_TEST(first == (std::vector<std::string>{"0a", "2b"}), boost::test_tools::per_element());
  BOOST_TEST(second == (std::vector<std::string>{"c"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_program_can_have_it_on_standard_error_a_line_each) {
  const Folder folder;
  const auto path = folder.path / "stderr";
  const pid_t speaker = in_process([&] {
    if (freopen(path.c_str(), "w", stderr) == nullptr) return 1;
    log_to_stderr();
    log(LogLevel::info, std::string_view("one, and what is behind it", 3));
    log(LogLevel::error, "two % two");
    return std::fflush(stderr);
  });
  BOOST_TEST(exit_code(speaker) == 0);
  BOOST_TEST(read_file(path) == "one\ntwo % two\n");
}

BOOST_AUTO_TEST_SUITE_END()
