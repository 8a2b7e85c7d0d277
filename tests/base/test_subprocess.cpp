// Programs that are run for their answer.
#include <boost/test/unit_test.hpp>

#include "base/subprocess.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(base_subprocess)

BOOST_AUTO_TEST_CASE(the_answer_is_kept_apart_from_the_output) {
  const auto ended =
      run_program("/bin/sh", {"-c", "echo loud; echo answer >&3; echo error >&2; exit 5"}, 10s);
  BOOST_REQUIRE(ended.ok());
  BOOST_TEST(ended->answer == "answer\n");
  BOOST_TEST(ended->output == "loud\nerror\n");
  BOOST_TEST(ended->cause == "exited with status 5");
  BOOST_TEST(!ended->good);
}

BOOST_AUTO_TEST_CASE(a_name_is_looked_for_in_the_path) {
  const auto ended = run_program("true", {}, 10s);
  BOOST_REQUIRE(ended.ok());
  BOOST_TEST(ended->good);
}

BOOST_AUTO_TEST_CASE(a_signal_is_the_cause_of_the_end) {
  const auto ended = run_program("/bin/sh", {"-c", "echo half >&3; kill -9 $$"}, 10s);
  BOOST_REQUIRE(ended.ok());
  BOOST_TEST(ended->cause == "killed by signal 9 (Killed)");
  BOOST_TEST(ended->answer == "half\n");
}

BOOST_AUTO_TEST_CASE(a_caller_without_standard_streams_gets_the_answer_too) {
  const pid_t caller = tests::in_process([] {
    for (const int fd : {0, 1, 2, 3}) ::close(fd);
    const auto ended = run_program("/bin/sh", {"-c", "cat; echo out; echo answer >&3"}, 10s);
    return ended.ok() && ended->answer == "answer\n" && ended->output == "out\n" ? 0 : 1;
  });
  BOOST_TEST(tests::exit_code(caller) == 0);
}

BOOST_AUTO_TEST_CASE(of_a_long_output_the_end_is_kept) {
  const auto ended = run_program(
      "/bin/sh", {"-c", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"}, 10s);
  BOOST_REQUIRE(ended.ok());
  BOOST_TEST(ended->output.size() == 2000u);
  BOOST_TEST(ended->output.ends_with("line 1999\n"));
}

BOOST_AUTO_TEST_CASE(what_hangs_or_is_no_program_is_an_error) {
  const auto hung = run_program("/bin/sh", {"-c", "echo asleep; exec sleep 60"}, 300ms);
  BOOST_REQUIRE(!hung.ok());
  BOOST_TEST((hung.error().code == ErrorCode::timeout));
  BOOST_TEST(hung.error().message.ends_with("its output ends:\nasleep\n"), hung.error().message);
  const auto none = run_program("/no/such/program", {}, 1s);
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::io));
  BOOST_TEST(none.error().message.find("/no/such/program") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
