// Sorting in bounded memory, against the standard library's sort.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

#include "profiling/analysis/spilled_sort.hpp"

namespace {
struct Record {
  int key, number;
};
struct Before {
  bool operator()(const Record& a, const Record& b) const { return a.key < b.key; }
};
}  // namespace

BOOST_AUTO_TEST_CASE(records_come_sorted_and_equal_ones_in_their_order_whatever_the_memory) {
  std::mt19937 random(3);
  for (const std::size_t bytes : {1u, 64u, 1000u, 100'000u})
    for (const int count : {0, 1, 2, 1000, 3000}) {
      limelight::profiling::SpilledSort<Record, Before> sort(bytes);
      std::vector<Record> expected;
      for (int i = 0; i < count; ++i) {
        expected.push_back({static_cast<int>(random() % 50), i});
        BOOST_REQUIRE(sort.add(expected.back()).ok());
      }
      std::stable_sort(expected.begin(), expected.end(), Before());
      std::size_t at = 0, wrong = 0;
      BOOST_REQUIRE(sort.finish([&](const Record& record) {
                          wrong += at >= expected.size() || expected[at].number != record.number;
                          ++at;
                        })
                        .ok());
      BOOST_TEST(at == expected.size());
      BOOST_TEST(wrong == 0u, bytes << " bytes, " << count << " records");
    }
}
