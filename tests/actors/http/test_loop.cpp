// The one thread of the HTTP front, and its timers.
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "actors/http/loop.hpp"

using namespace limelight::http;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(http_loop)

BOOST_AUTO_TEST_CASE(what_other_threads_post_runs_in_order_on_the_loop_s_thread) {
  Loop loop;
  std::vector<int> order;
  std::thread::id ran;
  std::thread other([&] {
    for (int i = 0; i < 3; ++i)
      loop.post([&, i] {
        order.push_back(i);
        ran = std::this_thread::get_id();
      });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  BOOST_TEST(order == (std::vector<int>{0, 1, 2}), boost::test_tools::per_element());
  BOOST_TEST((ran == std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(a_timer_calls_once_and_only_what_was_set_last) {
  Loop loop;
  int first = 0, second = 0;
  Timer timer(loop), end(loop);
  timer.set(1ms, [&] { ++first; });
  timer.set(2ms, [&] {
    ++second;
    end.set(5ms, [&] { loop.stop(); });
  });
  loop.run();
  BOOST_TEST(first == 0);
  BOOST_TEST(second == 1);
}

BOOST_AUTO_TEST_CASE(a_timer_that_is_cancelled_or_gone_calls_nothing) {
  Loop loop;
  int called = 0;
  Timer cancelled(loop), end(loop);
  {
    Timer gone(loop);
    gone.set(1ms, [&] { ++called; });
  }
  cancelled.set(1ms, [&] { ++called; });
  cancelled.cancel();
  end.set(5ms, [&] { loop.stop(); });
  loop.run();
  BOOST_TEST(called == 0);
}

BOOST_AUTO_TEST_CASE(an_action_may_set_its_own_timer_anew) {
  Loop loop;
  int called = 0;
  Timer timer(loop);
  std::function<void()> again = [&] {
    if (++called == 3) loop.stop();
    else timer.set(1ms, again);
  };
  timer.set(1ms, again);
  loop.run();
  BOOST_TEST(called == 3);
}

BOOST_AUTO_TEST_SUITE_END()
