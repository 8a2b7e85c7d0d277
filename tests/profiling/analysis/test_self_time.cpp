// Total less what ran inside.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/self_time.hpp"

using limelight::profiling::SelfTime;

BOOST_AUTO_TEST_SUITE(self_time)

BOOST_AUTO_TEST_CASE(a_slice_has_the_time_that_its_children_do_not) {
  SelfTime self;
  BOOST_TEST(self.add(1, 1, 10, 20) == 20);   // 10 to 30
  BOOST_TEST(self.add(1, 1, 40, 5) == 5);     // 40 to 45
  BOOST_TEST(self.add(1, 1, 35, 15) == 10);   // 35 to 50, around the last one
  BOOST_TEST(self.add(1, 1, 0, 100) == 65);   // around all: its grandchild is counted once
  BOOST_TEST(self.add(1, 1, 100, 10) == 10);  // after it
}

BOOST_AUTO_TEST_CASE(slices_of_other_threads_and_processes_are_not_inside) {
  SelfTime self;
  self.add(1, 1, 10, 20);
  BOOST_TEST(self.add(1, 2, 0, 100) == 100);
  BOOST_TEST(self.add(2, 1, 0, 100) == 100);
  BOOST_TEST(self.add(1, 1, 0, 100) == 80);
}

BOOST_AUTO_TEST_CASE(a_child_as_long_as_its_parent_leaves_it_nothing_and_never_less) {
  SelfTime self;
  self.add(1, 1, 0, 100);
  BOOST_TEST(self.add(1, 1, 0, 100) == 0);
  self.add(1, 1, 100, 60);
  self.add(1, 1, 120, 60);  // overlaps, as no trace of ours has it
  BOOST_TEST(self.add(1, 1, 100, 80) == 0);
}

BOOST_AUTO_TEST_CASE(a_long_trace_of_slices_without_a_parent_is_no_burden) {
  SelfTime self;
  for (std::int64_t i = 0; i < 200'000; ++i) BOOST_REQUIRE(self.add(1, 1, i * 10, 5) == 5);
  BOOST_TEST(self.add(1, 1, 1'999'980, 20) == 10);  // the last two are known
}

BOOST_AUTO_TEST_SUITE_END()
