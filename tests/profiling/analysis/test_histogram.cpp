// Quantiles, within the width of a bin.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/histogram.hpp"

using limelight::profiling::Histogram;

BOOST_AUTO_TEST_SUITE(histogram)

BOOST_AUTO_TEST_CASE(quantiles_are_within_a_bin_of_the_exact_ones) {
  Histogram histogram;
  for (std::int64_t ns = 1; ns <= 100'000; ++ns) histogram.add(ns * 10);
  BOOST_TEST(histogram.count() == 100'000u);
  BOOST_TEST(histogram.most() == 1'000'000);
  for (const double q : {0.001, 0.01, 0.5, 0.9, 0.99, 1.0})
    BOOST_TEST(histogram.quantile(q) == q * 1e6, boost::test_tools::tolerance(0.045));
  BOOST_TEST(histogram.quantile(1) <= 1e6);  // nothing was longer
}

BOOST_AUTO_TEST_CASE(nothing_has_no_quantile_and_one_value_is_all_of_them) {
  Histogram histogram;
  BOOST_TEST(histogram.quantile(0.5) == 0);
  histogram.add(12'345);
  for (const double q : {0.0, 0.5, 1.0})
    BOOST_TEST(histogram.quantile(q) == 12'345, boost::test_tools::tolerance(0.045));
}

BOOST_AUTO_TEST_CASE(no_duration_is_too_short_or_too_long) {
  Histogram histogram;
  for (const std::int64_t ns : {std::int64_t{-5}, std::int64_t{0}, std::int64_t{1}, INT64_MAX})
    histogram.add(ns);
  BOOST_TEST(histogram.count() == 4u);
  BOOST_TEST(histogram.most() == INT64_MAX);
  BOOST_TEST(histogram.quantile(0.5) <= 2);
  BOOST_TEST(histogram.quantile(1) > 1e18);
}

BOOST_AUTO_TEST_SUITE_END()
