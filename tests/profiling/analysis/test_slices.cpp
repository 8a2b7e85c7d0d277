// Slices by track, and their order.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "profiling/analysis/slices.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(slices)

BOOST_AUTO_TEST_CASE(microseconds_become_whole_nanoseconds) {
  for (const auto& [text, ns] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"0", 0},
           {"1", 1000},
           {"1.001", 1001},
           {"0.0004", 0},
           {"7889238000000.999", 7889238000000999}})
    BOOST_TEST(prof::nanoseconds(nlohmann::json::parse(text)) == ns);
}

BOOST_AUTO_TEST_CASE(parents_stand_before_their_children_and_else_time_decides) {
  std::vector<prof::Slice> slices{
      {5, 6, 0, "third"}, {0, 4, 0, "child"}, {0, 10, 0, "parent"}, {7, 8, 0, "last"}};
  std::sort(slices.begin(), slices.end(), prof::before);
  const char* order[] = {"parent", "child", "third", "last"};
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(slices[i].name == order[i]);
  BOOST_TEST(!prof::before(slices[0], slices[0]));
}

BOOST_AUTO_TEST_SUITE_END()
