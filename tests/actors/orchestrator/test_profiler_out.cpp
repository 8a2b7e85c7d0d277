// The table of a stage's operations beside its traces.
#include <boost/test/unit_test.hpp>

#include "actors/orchestrator/profiler_out.hpp"
#include "tests/support.hpp"

using namespace limelight::actors;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(profiler_out)

BOOST_AUTO_TEST_CASE(each_stage_with_a_trace_has_one_file_that_sums_its_ranks) {
  const Folder folder;
  const auto rank = [&](int number, int stage, const char* file) {
    limelight::RankTrace answer;
    answer.rank = number;
    answer.stage_id = stage;
    if (*file != '\0') answer.file = folder.path / file;
    answer.events = 7;
    answer.ops = {{"linear", 2, 3000, 1000}};
    return answer;
  };
  const auto out = [&](int stage) {
    return folder.path / ("profiler_out_" + std::to_string(stage) + ".txt");
  };
  write_file(out(0),
             "rank 0: 1 events, /t/run-1700000000000-rank-0.host_1_s.pt.trace.json.gz\nold");
  write_file(out(2), "of somebody else");
  BOOST_TEST(write_profiler_out(
                 {rank(0, 0, "a.gz"), rank(1, 0, "b.gz"), rank(2, 1, ""), rank(3, 2, "c.gz")})
                 .ok());
  const std::string text = read_file(out(0));
  BOOST_TEST(text.starts_with("rank 0: 7 events"), text);
  for (const std::string& part : {std::string("\nrank 1: 7 events"),
                                  (folder.path / "b.gz").string(), std::string("Self CPU %")})
    BOOST_TEST(text.find(part) != std::string::npos, text);
  BOOST_TEST(text.find("linear") == text.rfind("linear"));  // one row, of both ranks
  BOOST_TEST(text.ends_with(" 4\n"), text);                 // calls
  BOOST_TEST(!std::filesystem::exists(out(1)));             // it has no trace
  BOOST_TEST(read_file(out(2)).starts_with("rank 3: "));
  BOOST_TEST(read_file(folder.path / "profiler_out_0-run-1700000000000.txt").ends_with("\nold"));
  BOOST_TEST(read_file(folder.path / "profiler_out_2-earlier.txt") == "of somebody else");
  BOOST_TEST(write_profiler_out({rank(3, 2, "d.gz")}).ok());
  BOOST_TEST(write_profiler_out({rank(3, 2, "e.gz")}).ok());
  BOOST_TEST(read_file(folder.path / "profiler_out_2-earlier.2.txt").find("c.gz") !=
             std::string::npos);
  BOOST_TEST(read_file(folder.path / "profiler_out_2-earlier.3.txt").find("d.gz") !=
             std::string::npos);
  BOOST_TEST(read_file(out(2)).find("e.gz") != std::string::npos);
  const auto nowhere = write_profiler_out({rank(0, 0, "gone/a.gz")});
  BOOST_REQUIRE(!nowhere.ok());
  BOOST_TEST(nowhere.error().message.find("gone/profiler_out_0.txt: cannot write") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
