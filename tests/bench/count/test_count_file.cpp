// Counts against last values: what is called a regression, what is not, and when nothing is said.
#include <boost/test/unit_test.hpp>

#include "bench/count/count_file.hpp"

using namespace limelight::bench;

namespace {

Counts counted(double instructions, double allocations = 2) {
  return {.holds_for = {{"compiler", "g++ 12.2.0"}, {"libc", "glibc 2.36"}},
          .paths = {{.name = "record.span",
                     .unit = "span",
                     .instructions = instructions,
                     .allocations = 0,
                     .system_calls = 0,
                     .bytes = 32},
                    {.name = "service.token",
                     .unit = "token",
                     .instructions = 1000,
                     .allocations = allocations,
                     .bytes = 180}}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(count_file)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_again) {
  const auto read = read_counts(write_counts(counted(45.125)));
  if (!read) BOOST_FAIL(read.error().message);
  BOOST_TEST((read->holds_for == counted(1).holds_for));
  BOOST_REQUIRE(read->paths.size() == 2);
  BOOST_TEST(read->paths[0].name == "record.span");
  BOOST_TEST(*read->paths[0].instructions == 45.125);
  BOOST_TEST(!read->paths[1].system_calls);
}

BOOST_AUTO_TEST_CASE(three_per_cent_more_is_none_and_five_are_named) {
  const auto same = compare_counts(counted(100), counted(103));
  BOOST_TEST(same.regressions.empty());
  const auto more = compare_counts(counted(100), counted(105));
  BOOST_REQUIRE(more.regressions.size() == 1);
  BOOST_TEST(more.regressions[0] ==
             "record.span: 105 instructions for each span, 100 before: 5.0 % more");
  BOOST_TEST((more.paths == std::vector<std::string>{"record.span"}));
  BOOST_TEST(more.gains.empty());
}

BOOST_AUTO_TEST_CASE(what_was_none_may_not_become_one) {
  auto now = counted(100);
  now.paths[0].system_calls = 0.01;
  const auto verdict = compare_counts(counted(100), now);
  BOOST_REQUIRE(verdict.regressions.size() == 1);
  BOOST_TEST(verdict.regressions[0] == "record.span: 0.01 system_calls for each span, 0.00 before");
}

BOOST_AUTO_TEST_CASE(one_more_allocation_counts_and_less_is_a_gain) {
  const auto verdict = compare_counts(counted(100, 2), counted(90, 3));
  BOOST_TEST((verdict.paths == std::vector<std::string>{"service.token"}));
  BOOST_REQUIRE(verdict.gains.size() == 1);
  BOOST_TEST(verdict.gains[0].starts_with("record.span: 90.00 instructions"));
}

BOOST_AUTO_TEST_CASE(another_library_is_not_compared_and_says_so) {
  auto now = counted(200);
  now.holds_for[1].second = "glibc 2.41";
  const auto verdict = compare_counts(counted(100), now);
  BOOST_TEST(verdict.skipped == "the last values hold for libc 'glibc 2.36', here is 'glibc 2.41'");
  BOOST_TEST(verdict.regressions.empty());
}

BOOST_AUTO_TEST_CASE(a_path_of_one_side_alone_is_noted) {
  auto last = counted(100), now = counted(100);
  last.paths[0].name = "record.old";
  const auto verdict = compare_counts(last, now);
  BOOST_TEST((verdict.unknown == std::vector<std::string>{"record.old is not counted any more",
                                                          "record.span has no last values"}));
  BOOST_TEST(verdict.regressions.empty());
}

BOOST_AUTO_TEST_CASE(a_broken_file_is_refused_with_its_key) {
  BOOST_TEST(read_counts("[]").error().message.find("holds_for and paths") != std::string::npos);
  const auto negative =
      read_counts(R"({"holds_for": {}, "paths": {"a": {"unit": "b", "instructions": -1}}})");
  BOOST_TEST(negative.error().message == "paths.a.instructions: expected a number, 0 or more");
}

BOOST_AUTO_TEST_SUITE_END()
