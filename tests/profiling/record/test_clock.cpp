// Ticks become nanoseconds of CLOCK_REALTIME, in order and for good.
#include <time.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>

#include "profiling/record/clock.hpp"

namespace prof = limelight::profiling;

namespace {
std::int64_t realtime() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(record_clock)

BOOST_AUTO_TEST_CASE(the_clock_is_that_of_the_system) {
  const std::int64_t before = realtime(), read = prof::realtime_ns(), after = realtime();
  BOOST_TEST(before <= read);
  BOOST_TEST(read <= after);
  BOOST_TEST(std::string(prof::clock_source()) ==
             (prof::detail::use_tsc ? "tsc" : "clock_gettime"));
}

BOOST_AUTO_TEST_CASE(a_pair_is_of_one_moment) {
  const std::uint64_t first = prof::ticks();
  const std::int64_t before = prof::realtime_ns();
  const auto pair = prof::read_clock_pair();
  const std::int64_t after = prof::realtime_ns();
  const std::uint64_t last = prof::ticks();
  BOOST_TEST(first <= pair.ticks);
  BOOST_TEST(pair.ticks <= last);
  BOOST_TEST(before <= pair.realtime_ns);
  BOOST_TEST(pair.realtime_ns <= after);
}

// Both ends are read before and after, so however long this process waits between two lines, the
// bounds hold but for the error of the map.
BOOST_AUTO_TEST_CASE(ticks_are_mapped_to_the_time_at_which_they_were_read) {
  const auto map = prof::ClockMap::calibrate();
  constexpr std::int64_t error = 100'000;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t before = prof::realtime_ns();
    const std::uint64_t tick = prof::ticks();
    const std::int64_t after = prof::realtime_ns();
    BOOST_REQUIRE(before - error <= map.to_realtime_ns(tick));
    BOOST_REQUIRE(map.to_realtime_ns(tick) <= after + error);
  }
}

BOOST_AUTO_TEST_CASE(what_was_mapped_once_stays_and_order_is_kept_however_the_rate_is_corrected) {
  auto map = prof::ClockMap::calibrate();
  std::vector<std::pair<std::uint64_t, std::int64_t>> mapped;
  for (int piece = 0; piece < 50; ++piece) {
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t tick = prof::ticks();
      mapped.emplace_back(tick, map.to_realtime_ns(tick));
    }
    map.follow();
  }
  for (std::size_t i = 0; i < mapped.size(); ++i) {
    BOOST_REQUIRE_EQUAL(map.to_realtime_ns(mapped[i].first), mapped[i].second);
    if (i > 0) BOOST_REQUIRE(mapped[i - 1].second <= mapped[i].second);
  }
}

BOOST_AUTO_TEST_CASE(a_time_comes_back_from_ticks) {
  const auto map = prof::ClockMap::calibrate();
  const std::int64_t now = prof::realtime_ns();
  for (const std::int64_t away : {0, 1'000'000, 500'000'000})
    BOOST_TEST(std::abs(map.to_realtime_ns(map.to_ticks(now + away)) - (now + away)) < 1000);
  BOOST_TEST(map.ns_per_tick() > 0);
  const auto ticks = static_cast<std::int64_t>(1e9 / map.ns_per_tick());
  BOOST_TEST(std::abs(prof::ticks_to_ns(ticks) - 1e9) < 1e6);  // within 0.1 %
  BOOST_TEST(prof::ticks_to_ns(0) == 0);
}

BOOST_AUTO_TEST_CASE(all_ranks_share_a_base_that_is_a_quarter_of_a_year) {
  constexpr std::int64_t quarter = 7'889'238'000'000'000;
  const std::int64_t base = prof::default_base_ns(), now = prof::realtime_ns();
  BOOST_TEST(base % quarter == 0);
  BOOST_TEST(base <= now);
  BOOST_TEST(now - base < quarter);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(the_clock_of_another_machine_is_this_one_less_the_offset) {
  BOOST_TEST(!prof::host_clock().is_another());
  const std::int64_t before = prof::realtime_ns();
  prof::set_host_clock({.offset_ns = -3'600'000'000'000, .error_ns = 9});
  const std::int64_t there = prof::realtime_ns(), here = prof::host_realtime_ns();
  BOOST_TEST(prof::host_clock().is_another());
  prof::set_host_clock({});
  BOOST_TEST(there - before >= 3'600'000'000'000);
  BOOST_TEST(there - before < 3'601'000'000'000);
  BOOST_TEST(here - before < 1'000'000'000);
}
