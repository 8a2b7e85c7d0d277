// The parts of one collective in the traces of several ranks.
#include <boost/test/unit_test.hpp>
#include <list>

#include "profiling/analysis/collective_match.hpp"

namespace prof = limelight::profiling;

namespace {

struct Matches {
  std::vector<std::pair<std::string, std::vector<int>>> all;  // names, ranks by their begins
  prof::CollectiveMatch match{
      [this](const std::string& name, const std::vector<prof::CollectiveMatch::Part>& parts) {
        std::vector<int> ranks;
        for (const auto& part : parts) ranks.push_back(part.rank);
        all.emplace_back(name, ranks);
      }};
  std::list<std::string> texts;
  void kernel(int rank, int begin, const std::string& args) {
    prof::EventLine event;
    event.phase = 'X';
    event.category = "kernel";
    event.name = "ncclDevKernel_AllReduce";
    event.args = texts.emplace_back("{" + args + "}");
    event.begin_ns = begin;
    event.duration_ns = 10;
    match.add(event, rank, "", 2);
  }
};
const std::string of_group = R"("Process Group Name":"tp","Collective name":"allreduce")";

}  // namespace

BOOST_AUTO_TEST_SUITE(collective_match)

BOOST_AUTO_TEST_CASE(the_nth_of_a_group_is_one_collective_and_the_last_to_come_is_last) {
  Matches found;
  for (int i = 0; i < 3; ++i) found.kernel(0, 100 * i + 50 * (i == 1), of_group);
  for (int i = 0; i < 3; ++i) found.kernel(1, 100 * i + 20, of_group);
  found.match.finish();
  BOOST_REQUIRE(found.all.size() == 3u);
  BOOST_TEST((found.all[0].second == std::vector<int>{0, 1}));
  BOOST_TEST((found.all[1].second == std::vector<int>{1, 0}));
  BOOST_TEST(found.all[0].first == "allreduce");
}

BOOST_AUTO_TEST_CASE(sequence_numbers_and_group_sizes_count_where_there_are_such) {
  Matches found;
  found.kernel(0, 1, of_group + R"(,"Seq":7,"Group size":3)");
  found.kernel(1, 2, of_group + R"(,"Seq":8,"Group size":3)");
  found.kernel(1, 3, of_group + R"(,"Seq":7,"Group size":3)");
  BOOST_TEST(found.all.empty());
  found.kernel(2, 4, of_group + R"(,"Seq":7,"Group size":3)");
  BOOST_REQUIRE(found.all.size() == 1u);
  BOOST_TEST((found.all[0].second == std::vector<int>{0, 1, 2}));
  found.match.finish();  // number 8 has one part alone
  BOOST_TEST(found.all.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
