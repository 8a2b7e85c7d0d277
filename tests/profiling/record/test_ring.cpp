// What a full ring does.
#include <boost/test/unit_test.hpp>

#include "profiling/record/ring.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_CASE(a_full_ring_drops_and_counts) {
  prof::Ring ring(8, 1);
  for (int i = 0; i < 11; ++i) ring.push({});
  BOOST_TEST(ring.drops() == 3u);
  BOOST_TEST(ring.drain([](const prof::Record&) {}) == 8u);
}
