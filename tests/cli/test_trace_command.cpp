// A command of the user's for each finished trace: how its words are read, and what is said where
// it fails.
#include <boost/test/unit_test.hpp>
#include <limelight/log.hpp>

#include "cli/trace_command.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {
// What the log is told while it lives.
struct Heard {
  std::mutex mutex;
  std::string text;
  Heard() {
    set_log_sink([this](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex);
      text.append(line) += "\n";
    });
  }
  ~Heard() { set_log_sink({}); }
};
}  // namespace

BOOST_AUTO_TEST_SUITE(command_for_traces)

BOOST_AUTO_TEST_CASE(words_are_those_of_a_shell) {
  using Words = std::vector<std::string>;
  const std::pair<const char*, Words> cases[] = {{"a b", {"a", "b"}},
                                                 {"  a\t'b c' ", {"a", "b c"}},
                                                 {"a\"b \\\"c\\\" $d\"e", {"ab \"c\" $de"}},
                                                 {"a\\ b 'c\\d' \"\\n\"", {"a b", "c\\d", "\\n"}},
                                                 {"'' \"\"", {"", ""}},
                                                 {"", {}}};
  for (const auto& [text, words] : cases) {
    const auto split = split_words(text);
    BOOST_REQUIRE(split.ok());
    BOOST_TEST(*split == words, boost::test_tools::per_element());
  }
  for (const char* wrong : {"a 'b", "\"", "a\\"}) BOOST_TEST(!split_words(wrong).ok(), wrong);
}

BOOST_AUTO_TEST_CASE(what_cannot_work_is_refused_before_anything_runs) {
  for (const auto& [command, what] : {std::pair("", "expected a command"),
                                      {"cp a b", "found no {file}"},
                                      {"{file} a", "found no {file}"},
                                      {"no-such-program {file}", "no program 'no-such-program'"},
                                      {"/etc/passwd {file}", "no program '/etc/passwd'"},
                                      {"cp '{file}", "without its end"}}) {
    const auto made = TraceCommand::make(command, 1s);
    BOOST_REQUIRE_MESSAGE(!made.ok(), command);
    BOOST_TEST(made.error().message.find(what) != std::string::npos, made.error().message);
  }
}

BOOST_AUTO_TEST_CASE(a_name_is_no_command_whatever_is_in_it) {
  const Folder folder;
  const auto odd = write_file(folder.path / "a; touch b $(c) 'd {file}.gz", "text");
  const auto made = TraceCommand::make(
      "cp {file} '" + (folder.path / "copy of {file}").parent_path().string() + "/copied'", 10s);
  if (!made) BOOST_FAIL(made.error().message);
  (*made)->add(odd);
  BOOST_TEST((*made)->finish() == 0u);
  BOOST_TEST(read_file(folder.path / "copied") == "text");
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 2);
}

BOOST_AUTO_TEST_CASE(all_traces_are_awaited_at_the_end) {
  const Folder folder;
  const auto made = TraceCommand::make("sh -c 'sleep 0.05; mv \"$0\" \"$0.done\"' {file}", 20s);
  if (!made) BOOST_FAIL(made.error().message);
  for (int i = 0; i < 6; ++i) (*made)->add(write_file(folder.path / std::to_string(i), ""));
  BOOST_TEST((*made)->finish() == 0u);
  for (int i = 0; i < 6; ++i)
    BOOST_TEST(std::filesystem::exists(folder.path / (std::to_string(i) + ".done")));
}

BOOST_AUTO_TEST_CASE(a_failure_is_said_with_command_file_and_exit_code) {
  Heard heard;
  const auto made = TraceCommand::make("sh -c 'echo no space; exit 7' {file}", 10s);
  if (!made) BOOST_FAIL(made.error().message);
  (*made)->add("/traces/one.gz");
  BOOST_TEST((*made)->finish() == 1u);
  for (const char* part : {"sh -c 'echo no space; exit 7' {file}", "/traces/one.gz",
                           "exited with status 7", "no space"})
    BOOST_TEST(heard.text.find(part) != std::string::npos, heard.text);
}

BOOST_AUTO_TEST_CASE(what_takes_too_long_is_killed_and_said) {
  Heard heard;
  const auto made = TraceCommand::make("sleep 60 {file}", 200ms);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) (*made)->add("trace " + std::to_string(i));
  BOOST_TEST((*made)->finish() == 4u);
  BOOST_TEST((std::chrono::steady_clock::now() - start < 60s));
}

BOOST_AUTO_TEST_SUITE_END()
