// The end of a process that is watched.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <future>

#include "actors/orchestrator/broker_watch.hpp"
#include "tests/support.hpp"

using limelight::actors::BrokerWatch;
using namespace limelight::tests;

namespace {
pid_t waiting_process() {
  return in_process([] { return pause(); });
}
void end(pid_t pid) {
  kill(pid, SIGKILL);
  (void)exit_code(pid);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(broker_watch)

BOOST_AUTO_TEST_CASE(the_end_of_the_process_is_told) {
  const pid_t pid = waiting_process();
  std::promise<void> told;
  const BrokerWatch watch(pid, [&] { told.set_value(); });  // throws, were it told twice
  auto ended = told.get_future();
  BOOST_TEST((ended.wait_for(std::chrono::seconds(0)) == std::future_status::timeout));
  end(pid);
  ended.get();
}

BOOST_AUTO_TEST_CASE(a_process_that_is_gone_already_is_told_of_too) {
  const pid_t pid = waiting_process();
  end(pid);
  std::promise<void> told;
  const BrokerWatch watch(pid, [&] { told.set_value(); });
  told.get_future().get();
}

BOOST_AUTO_TEST_CASE(a_watch_that_ended_tells_nothing) {
  const pid_t pid = waiting_process();
  bool told = false;
  {
    const BrokerWatch watch(pid, [&] { told = true; });
  }
  end(pid);
  BOOST_TEST(!told);
}

BOOST_AUTO_TEST_SUITE_END()
