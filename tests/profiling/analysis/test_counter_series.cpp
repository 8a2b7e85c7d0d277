// Counters over time.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/counter_series.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(counter_series)

BOOST_AUTO_TEST_CASE(values_are_kept_by_rank_and_name_in_the_order_of_time) {
  prof::CounterSeries counters;
  counters.add(1, "depth", 30, 3);
  counters.add(1, "depth", 10, 1);
  counters.add(0, "depth", 20, 7);
  counters.finish();
  BOOST_REQUIRE(counters.series().size() == 2u);
  const auto& points = counters.series().at({1, "depth"}).points;
  BOOST_REQUIRE(points.size() == 2u);
  BOOST_TEST(points[0].ns == 10);
  BOOST_TEST(points[1].value == 3);
}

BOOST_AUTO_TEST_CASE(a_peak_of_one_value_among_a_million_is_kept) {
  prof::CounterSeries counters;
  for (std::int64_t i = 0; i < 1'000'000; ++i)
    counters.add(0, "bytes", i, i == 777'777 ? 1e9 : i == 333'333 ? -5.0 : 10.0);
  counters.finish();
  const auto& series = counters.series().at({0, "bytes"});
  BOOST_TEST(series.values == 1'000'000u);
  BOOST_TEST(series.points.size() <= prof::CounterSeries::most);
  std::int64_t high = -1, low = -1, before = -1;
  for (const auto& point : series.points) {
    BOOST_REQUIRE(point.ns > before);
    before = point.ns;
    if (point.value == 1e9) high = point.ns;
    if (point.value == -5) low = point.ns;
  }
  BOOST_TEST(high == 777'777);
  BOOST_TEST(low == 333'333);
}

BOOST_AUTO_TEST_CASE(counters_beyond_the_limit_are_counted) {
  prof::CounterSeries counters;
  for (int i = 0; i < 600; ++i) counters.add(0, "counter " + std::to_string(i), 0, 1);
  BOOST_TEST(counters.series().size() == prof::CounterSeries::most_counters);
  BOOST_TEST(counters.left_out() == 600 - prof::CounterSeries::most_counters);
}

BOOST_AUTO_TEST_SUITE_END()
