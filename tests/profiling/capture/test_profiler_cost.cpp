// What the profiler says that it costs.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "profiling/capture/profiler_cost.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_CASE(a_span_costs_something_and_the_same_whoever_asks) {
  const double cost = prof::span_cost_ns();
  BOOST_TEST(cost > 0);
  double of_another_thread = 0;
  std::thread([&] { of_another_thread = prof::span_cost_ns(); }).join();
  BOOST_TEST(of_another_thread == cost);
}

BOOST_AUTO_TEST_CASE(the_time_of_a_thread_is_that_of_its_own_work) {
  const std::uint64_t before = prof::thread_cpu_ns();
  while (prof::thread_cpu_ns() < before + 5'000'000) {}
  std::uint64_t of_another = 0;
  std::thread([&] { of_another = prof::thread_cpu_ns(); }).join();
  BOOST_TEST(of_another < prof::thread_cpu_ns());
}
