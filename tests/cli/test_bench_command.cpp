// `limelight bench` where its program is, and where it is not.
#include <boost/test/unit_test.hpp>

#include "tests/support.hpp"

using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(bench_command)

BOOST_AUTO_TEST_CASE(the_arguments_reach_the_program_and_its_exit_code_comes_back) {
  const Ran help = run(LIMELIGHT_COMMAND " bench --help");
  BOOST_TEST(help.code == 0);
  BOOST_TEST(help.output.find("limelight bench ipc --quick") != std::string::npos, help.output);
  BOOST_TEST(run(LIMELIGHT_COMMAND " bench no-such-benchmark").code == 2);
}

BOOST_AUTO_TEST_CASE(a_count_without_its_last_values_is_wrong_usage_before_it_counts) {
  const Ran ran = run(LIMELIGHT_COMMAND " bench count --check /nonexistent/last.json");
  BOOST_TEST(ran.code == 2);
  BOOST_TEST(ran.output ==
             "limelight bench count: /nonexistent/last.json: expected the last values "
             "of a count\n");
}

BOOST_AUTO_TEST_CASE(without_the_benchmarks_it_is_said_how_to_build_them) {
  const Folder folder;
  // A copy in a folder of its own finds no helper beside it.
  const auto alone = folder.path / "limelight";
  std::filesystem::copy_file(LIMELIGHT_COMMAND, alone);
  const Ran ran = run("PATH=/usr/bin:/bin " + alone.string() + " bench ipc");
  BOOST_TEST(ran.code == 1);
  BOOST_TEST(ran.output.starts_with("limelight bench: cannot find the executable limelight-bench"),
             ran.output);
  BOOST_TEST(ran.output.find("-DLIMELIGHT_BENCH=ON") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
