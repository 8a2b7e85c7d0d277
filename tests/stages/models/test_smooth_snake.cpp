// The filter that keeps a snake's overtones from folding back.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>
#include <numeric>

#include "stages/models/smooth_snake.hpp"

using namespace limelight::stages;
namespace tt = boost::test_tools;

namespace {
// How much of a wave of this frequency passes, as a part of the sampling rate.
double gain(double frequency) {
  const auto filter = half_band_filter();
  double sum = 0;
  for (std::size_t i = 0; i < filter.size(); ++i)
    sum += filter[i] * std::cos(2 * std::numbers::pi * frequency * (static_cast<double>(i) - 5.5));
  return std::abs(sum);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(smooth_snake)

BOOST_AUTO_TEST_CASE(the_filter_is_even_and_lets_half_of_the_frequencies_through) {
  const auto filter = half_band_filter();
  BOOST_TEST(std::accumulate(filter.begin(), filter.end(), 0.0f) == 1, tt::tolerance(1e-6f));
  for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(filter[i] == filter[11 - i], tt::tolerance(1e-6f));
  BOOST_TEST(gain(0.05) == 1, tt::tolerance(0.05));
  BOOST_TEST(gain(0.25) == 0.5, tt::tolerance(0.05));  // the border
  BOOST_TEST(gain(0.45) < 0.01);
}

BOOST_AUTO_TEST_SUITE_END()
