// Requests that are late, in the order of their deadlines; and those that are over in time.
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "actors/orchestrator/deadlines.hpp"

using limelight::actors::Deadlines;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

struct Late {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::uint64_t> requests;

  Deadlines deadlines{[this](std::uint64_t request) {
    const std::lock_guard lock(mutex);
    requests.push_back(request);
    came.notify_all();
  }};
  std::vector<std::uint64_t> wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    BOOST_REQUIRE(came.wait_for(lock, 10s, [&] { return requests.size() >= count; }));
    return requests;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(deadlines_of_requests, Late)

BOOST_AUTO_TEST_CASE(the_earliest_deadline_is_the_first_whatever_the_order_they_were_set_in) {
  const auto start = Clock::now();
  deadlines.set(1, start + 30ms);
  deadlines.set(2, start + 10ms);
  deadlines.set(3, start - 1s);
  BOOST_TEST(wait_for(3) == (std::vector<std::uint64_t>{3, 2, 1}),
             boost::test_tools::per_element());
  BOOST_TEST((Clock::now() >= start + 30ms));  // and none before its time
}

BOOST_AUTO_TEST_CASE(a_request_that_is_over_is_not_late) {
  const auto start = Clock::now();
  deadlines.set(1, start + 5s);
  deadlines.set(2, start + 5s);
  deadlines.forget(1);
  deadlines.forget(7);  // that never was
  deadlines.set(3, start);
  BOOST_TEST(wait_for(1) == std::vector<std::uint64_t>{3}, boost::test_tools::per_element());
  deadlines.forget(2);
  deadlines.stop();
  BOOST_TEST(requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(stopping_does_not_wait_for_a_deadline_and_none_comes_after_it) {
  deadlines.set(1, Clock::now() + 1h);
  deadlines.stop();
  deadlines.set(2, Clock::now());
  deadlines.stop();
  BOOST_TEST(requests.empty());
}

BOOST_AUTO_TEST_SUITE_END()
