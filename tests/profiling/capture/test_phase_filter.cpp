// Which records and launches are left out where a profile is of one phase.
#include <boost/test/unit_test.hpp>

#include "profiling/capture/phase_filter.hpp"

using namespace limelight::profiling;

namespace {
Record at(std::uint64_t begin, std::uint64_t end, std::uint64_t value = 0) {
  return {begin, end, value, 0, 0, 0};
}
Record phase(std::uint64_t begin, StepPhase which) {
  return at(begin, begin, static_cast<std::uint64_t>(which));
}
constexpr int worker = 11, other = 12;
constexpr bool step = true;
}  // namespace

BOOST_AUTO_TEST_SUITE(phase_filter)

BOOST_AUTO_TEST_CASE(a_step_of_the_other_phase_is_left_out_with_all_that_its_thread_did_in_it) {
  PhaseFilter filter("decode");
  filter.announce(worker, phase(10, StepPhase::prefill));
  BOOST_TEST(!filter.chosen(worker, at(12, 14), false));
  BOOST_TEST(filter.chosen(other, at(12, 14), false));
  BOOST_TEST(!filter.chosen(worker, at(11, 20), step));
  BOOST_TEST(filter.chosen(worker, at(21, 22), false));  // between two steps
  filter.announce(worker, phase(30, StepPhase::decode));
  BOOST_TEST(filter.chosen(worker, at(32, 34), false));
  BOOST_TEST(filter.chosen(worker, at(31, 40), step));
}

BOOST_AUTO_TEST_CASE(launches_are_left_out_by_their_time_also_when_the_step_is_over) {
  PhaseFilter filter("prefill");
  filter.announce(worker, phase(10, StepPhase::decode));
  BOOST_TEST(filter.launch_chosen(9));
  BOOST_TEST(!filter.launch_chosen(15));
  (void)filter.chosen(worker, at(11, 20), step);
  filter.announce(worker, phase(30, StepPhase::prefill));
  (void)filter.chosen(worker, at(31, 40), step);
  BOOST_TEST(!filter.launch_chosen(15));
  BOOST_TEST(!filter.launch_chosen(20));
  BOOST_TEST(filter.launch_chosen(25));
  BOOST_TEST(filter.launch_chosen(35));
}

BOOST_AUTO_TEST_CASE(a_step_that_was_none_after_all_leaves_nothing_out) {
  PhaseFilter filter("decode");
  filter.announce(worker, phase(10, StepPhase::prefill));
  filter.announce(worker, phase(12, StepPhase::none));
  BOOST_TEST(filter.chosen(worker, at(13, 14), false));
}

BOOST_AUTO_TEST_CASE(without_a_phase_all_is_chosen) {
  const PhaseFilter filter("");
  BOOST_TEST(!filter.active());
  BOOST_TEST(filter.launch_chosen(1));
}

BOOST_AUTO_TEST_SUITE_END()
