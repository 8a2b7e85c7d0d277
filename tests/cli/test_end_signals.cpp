// Ctrl-C and the other signals as calls.
#include <signal.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <mutex>
#include <vector>

#include "cli/end_signals.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::cli::EndSignals;

namespace {
struct Told {
  std::mutex mutex;
  std::vector<int> signals;
  void operator()(int signal) {
    const std::lock_guard lock(mutex);
    signals.push_back(signal);
  }
  // Waits until so many were told, but not for ever.
  std::vector<int> wait_for(std::size_t count) {
    for (int i = 0; i < 5000; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (signals.size() >= count) break;
      }
      usleep(1000);
    }
    const std::lock_guard lock(mutex);
    return signals;
  }
};
}  // namespace

BOOST_AUTO_TEST_SUITE(end_signals)

BOOST_AUTO_TEST_CASE(signals_are_told_in_order_and_those_before_the_watch_too) {
  ::signal(SIGHUP, SIG_DFL);  // whoever started this test may ignore it
  Told told;
  EndSignals signals;
  raise(SIGUSR2);
  signals.watch([&](int signal) { told(signal); });
  BOOST_TEST(told.wait_for(1) == std::vector<int>{SIGUSR2}, boost::test_tools::per_element());
  raise(SIGINT);
  raise(SIGTERM);
  raise(SIGHUP);
  raise(SIGQUIT);
  BOOST_TEST(told.wait_for(5) == (std::vector<int>{SIGUSR2, SIGINT, SIGTERM, SIGHUP, SIGQUIT}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(they_come_on_another_thread_while_this_one_waits) {
  std::atomic<bool> told{false};
  EndSignals signals;
  signals.watch([&](int) { told = true; });
  kill(getpid(), SIGTERM);
  for (int i = 0; i < 5000 && !told; ++i) usleep(1000);
  BOOST_TEST(told);
}

BOOST_AUTO_TEST_CASE(nothing_is_told_after_stop) {
  Told told;
  EndSignals signals;
  signals.watch([&](int signal) { told(signal); });
  signals.stop();
  signals.stop();
  raise(SIGINT);  // and it does not end this process
  usleep(20'000);
  BOOST_TEST(told.wait_for(0).empty());
}

BOOST_AUTO_TEST_CASE(afterwards_a_signal_ends_the_process_as_it_did_before) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2})
    BOOST_TEST(exit_code(in_process([&] {
                 ::signal(SIGHUP, SIG_DFL);
                 {
                   EndSignals signals;
                   signals.watch([](int) {});
                 }
                 raise(signal);
                 return 0;
               })) == 128 + signal);
}

BOOST_AUTO_TEST_CASE(what_nohup_starts_does_not_end_with_its_terminal) {
  BOOST_TEST(exit_code(in_process([] {
               ::signal(SIGHUP, SIG_IGN);
               Told told;
               EndSignals signals;
               signals.watch([&](int signal) { told(signal); });
               raise(SIGHUP);
               raise(SIGTERM);
               return told.wait_for(1) == std::vector<int>{SIGTERM} ? 0 : 1;
             })) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
