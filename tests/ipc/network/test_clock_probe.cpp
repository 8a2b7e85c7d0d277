// A clock that is ahead or drifts, asked over a way that is uneven.
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "ipc/network/clock_probe.hpp"

using namespace limelight::ipc;

namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Samples of a clock that answers after `slow` on the way there.
std::vector<ClockSample> probe(const ReadClock& other, std::chrono::microseconds slow, int times) {
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Socket mine(ends[0]), theirs(ends[1]);
  std::thread answers([&] {
    answer_probes(theirs, [&, first = true]() mutable {
      if (first) std::this_thread::sleep_for(slow);
      first = !first;
      return other();
    });
  });
  const auto samples = probe_clock(mine, times, now_ns);
  mine.shutdown();
  answers.join();
  if (!samples) BOOST_FAIL(samples.error().message);
  return *samples;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_offset_of_a_shifted_clock_is_within_the_stated_error) {
  for (const std::int64_t shift :
       {std::int64_t{0}, std::int64_t{5'000'000'000}, std::int64_t{-3'600'000'000'000}}) {
    ClockFilter filter;
    for (const auto slow : {std::chrono::microseconds(0), std::chrono::microseconds(3000)})
      for (const auto& sample : probe([=] { return now_ns() + shift; }, slow, 8)) {
        // Each sample holds to it, also those of the uneven way.
        BOOST_TEST(std::abs(sample.offset_ns - shift) <= sample.delay_ns / 2 + 1);
        filter.add(sample);
      }
    const auto estimate = filter.at(now_ns());
    BOOST_TEST(std::abs(estimate.offset_ns - shift) <= estimate.error_ns);
    BOOST_TEST(estimate.error_ns < 2'000'000);  // that of the quick way
  }
}

BOOST_AUTO_TEST_CASE(a_drifting_clock_is_followed_and_old_samples_count_less) {
  // 50 ppm, over a simulated hour: a sample each second, of which some are bad.
  ClockFilter filter;
  const auto drift = [](std::int64_t at) { return at / 1'000'000 * 50; };
  for (std::int64_t second = 0; second < 3600; ++second) {
    const std::int64_t at = second * 1'000'000'000;
    const std::int64_t delay = second % 7 == 0 ? 100'000 : 8'000'000;
    filter.add({.offset_ns = drift(at) + (second % 2 == 0 ? 1 : -1) * (delay / 2 - 1000),
                .delay_ns = delay,
                .at_ns = at});
    const auto estimate = filter.at(at);
    BOOST_TEST(std::abs(estimate.offset_ns - drift(at)) <= estimate.error_ns);
    if (second > 10) BOOST_TEST(estimate.error_ns < 1'000'000);
  }
}

BOOST_AUTO_TEST_CASE(without_a_sample_nothing_is_known) {
  BOOST_TEST(ClockFilter().at(0).error_ns == -1);
}
