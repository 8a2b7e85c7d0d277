// The table of stages, transfers and totals.
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "cli/statistics.hpp"

using namespace limelight;

namespace {
RequestOutput output(double e2e, std::uint64_t tokens, double ms) {
  RequestOutput out;
  out.e2e_time_ms = e2e;
  StageStats stage;
  stage.stage_id = 3;
  stage.num_tokens_out = tokens;
  stage.stage_gen_time_ms = ms;
  out.stages = {stage};
  TransferStats transfer;
  transfer.from_stage = 0;
  transfer.to_stage = 3;
  transfer.chunks = 2;
  transfer.size_bytes = 100;
  out.transfers = {transfer};
  return out;
}
// The words of the line that begins with this.
std::vector<std::string> words(const std::string& table, const std::string& first) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(first)) continue;
    std::istringstream in(line);
    std::vector<std::string> found;
    for (std::string word; in >> word;) found.push_back(word);
    return found;
  }
  BOOST_FAIL("no line " + first + " in\n" + table);
  return {};
}
}  // namespace

BOOST_AUTO_TEST_SUITE(statistics)

BOOST_AUTO_TEST_CASE(stages_and_edges_are_summed_over_requests) {
  const std::string table = cli::statistics_table({output(100, 30, 10), output(300, 50, 30)}, 500);
  BOOST_TEST(words(table, "3 ") == (std::vector<std::string>{"3", "2", "80", "40.0", "2000.0"}),
             boost::test_tools::per_element());
  const auto edge = words(table, "0 -> 3");
  BOOST_TEST(edge[3] == "4");
  BOOST_TEST(edge[4] == "200");
  BOOST_TEST(table.ends_with("\n2 of 2 requests done in 500.0 ms, mean e2e_time_ms 200.0\n"),
             table);
}

BOOST_AUTO_TEST_CASE(replicas_are_summed_apart) {
  auto other = output(100, 30, 10);
  other.stages[0].replica = 1;
  const std::string table = cli::statistics_table({output(100, 20, 10), other}, 500);
  BOOST_TEST(words(table, "3/0 ")[2] == "20");
  BOOST_TEST(words(table, "3/1 ")[2] == "30");
  BOOST_TEST(words(table, "0 -> 3")[3] == "4");
}

BOOST_AUTO_TEST_CASE(a_request_that_failed_is_not_done_and_nothing_is_divided_by_nothing) {
  RequestOutput failed = output(900, 0, 0);
  failed.error = {.code = ErrorCode::cancelled, .message = ""};
  const std::string table = cli::statistics_table({failed}, 1);
  BOOST_TEST(words(table, "3 ").back() == "0.0");
  BOOST_TEST(table.ends_with("\n0 of 1 requests done in 1.0 ms, mean e2e_time_ms 0.0\n"), table);
  BOOST_TEST(
      cli::statistics_table({}, 0).ends_with("0 of 0 requests done in 0.0 ms, mean "
                                             "e2e_time_ms 0.0\n"));
}

BOOST_AUTO_TEST_SUITE_END()
