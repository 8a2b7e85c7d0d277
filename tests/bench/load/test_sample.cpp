// Numbers of a sample, against values that were computed by hand or stand in tables.
#include <boost/test/unit_test.hpp>

#include "bench/load/sample.hpp"

using namespace limelight::bench;

BOOST_AUTO_TEST_SUITE(bench_sample, *boost::unit_test::tolerance(1e-9))

BOOST_AUTO_TEST_CASE(the_numbers_are_those_of_numpy) {
  const Sample sample({4, 1, 3, 2});
  BOOST_TEST(sample.mean() == 2.5);
  BOOST_TEST(sample.deviation() == 1.118033988749895);
  BOOST_TEST(sample.median() == 2.5);
  BOOST_TEST(sample.percentile(0) == 1);
  BOOST_TEST(sample.percentile(90) == 3.7);
  BOOST_TEST(sample.percentile(100) == 4);
}

// A table of Student's distribution: 12.706, 2.776, 1.984 for 1, 4 and 100 degrees of freedom.
BOOST_AUTO_TEST_CASE(the_interval_of_the_mean_is_student_s) {
  BOOST_TEST(student_quantile(1) == 12.7062, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(student_quantile(4) == 2.77645, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(student_quantile(100) == 1.98397, boost::test_tools::tolerance(1e-4));
  // 1 to 5: the deviation of the sample is sqrt(2.5), that of the mean sqrt(0.5).
  BOOST_TEST(Sample({1, 2, 3, 4, 5}).half_width() == 2.77645 * 0.70710678,
             boost::test_tools::tolerance(1e-4));
}

BOOST_AUTO_TEST_CASE(an_empty_sample_and_one_of_one_value_have_no_spread) {
  BOOST_TEST(Sample({}).mean() == 0);
  BOOST_TEST(Sample({}).percentile(50) == 0);
  BOOST_TEST(Sample({7}).percentile(99) == 7);
  BOOST_TEST(Sample({7}).half_width() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
