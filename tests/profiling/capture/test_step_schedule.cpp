// Which steps are recorded, by their numbers alone.
#include <boost/test/unit_test.hpp>

#include "profiling/capture/step_schedule.hpp"

using limelight::ProfileOptions;
using limelight::profiling::StepSchedule;
using Deed = StepSchedule::Deed;

namespace {
// What each step does: . nothing, o open, c close, e end.
std::string deeds(const ProfileOptions& options, int steps) {
  StepSchedule schedule(options);
  std::string all = schedule.opens_at_start() ? "o" : ".";
  for (int i = 0; i < steps; ++i) {
    const Deed deed = schedule.step();
    all += deed == Deed::open ? 'o' : deed == Deed::close ? 'c' : deed == Deed::end ? 'e' : '.';
  }
  return all;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(step_schedule)

BOOST_AUTO_TEST_CASE(without_a_schedule_everything_is_recorded_or_so_many_steps) {
  BOOST_TEST(deeds({}, 4) == "o....");
  BOOST_TEST(deeds({.steps = 3}, 5) == "o..e..");
}

BOOST_AUTO_TEST_CASE(a_delay_comes_first_and_is_not_counted) {
  BOOST_TEST(deeds({.delay_steps = 2}, 4) == "..o..");
  BOOST_TEST(deeds({.steps = 1, .delay_steps = 2}, 4) == "..oe.");
}

BOOST_AUTO_TEST_CASE(waiting_and_warming_up_come_before_each_repeat) {
  BOOST_TEST(deeds({.wait_steps = 1, .warmup_steps = 1, .active_steps = 2, .repeat = 2}, 9) ==
             "..o.c.o.e.");
  BOOST_TEST(deeds({.delay_steps = 1, .wait_steps = 1, .active_steps = 1}, 4) == "..oe.");
  BOOST_TEST(deeds({.warmup_steps = 2}, 5) == "..o...");  // until the stop
}

BOOST_AUTO_TEST_CASE(repeats_may_follow_at_once_and_without_an_end) {
  BOOST_TEST(deeds({.active_steps = 2, .repeat = 0}, 6) == "o.c.c.c");
  BOOST_TEST(StepSchedule({.active_steps = 2, .repeat = 0}).opens_at_once());
}

BOOST_AUTO_TEST_CASE(the_most_steps_end_it_wherever_it_is) {
  BOOST_TEST(deeds({.steps = 3, .wait_steps = 1, .active_steps = 5}, 4) == ".o.e.");
  BOOST_TEST(deeds({.steps = 1, .wait_steps = 2, .active_steps = 5}, 3) == ".e..");
  BOOST_TEST(deeds({.steps = 2, .active_steps = 2, .repeat = 9}, 3) == "o.e.");
}

BOOST_AUTO_TEST_SUITE_END()
