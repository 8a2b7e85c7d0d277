// Clients that die, and clients that only stand still.
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/iceoryx/watched_roudi.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

// A child that waits to be killed.
struct Client {
  pid_t pid = in_process([] { return ::pause(); });
  ~Client() { end(); }
  void end() {
    if (pid < 0) return;
    ::kill(pid, SIGKILL);
    (void)exit_code(std::exchange(pid, -1));
  }
};
using Names = std::vector<std::string>;

// The dead of a moment: the kernel tells of a death soon after it, not at once.
Names dead_of(ClientWatch& watch) {
  Names dead = watch.remove_dead();
  for (int i = 0; i < 200 && dead.empty(); ++i) {
    usleep(1000);
    dead = watch.remove_dead();
  }
  return dead;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(watched_roudi)

BOOST_AUTO_TEST_CASE(a_dead_client_is_told_once_and_a_stopped_one_never) {
  ClientWatch watch;
  Client killed, stopped;
  watch.add("killed", killed.pid);
  watch.add("stopped", stopped.pid);
  BOOST_TEST(watch.remove_dead().empty());
  ::kill(stopped.pid, SIGSTOP);
  killed.end();
  BOOST_TEST(dead_of(watch) == Names{"killed"}, boost::test_tools::per_element());
  BOOST_TEST(watch.remove_dead().empty());
  stopped.end();
  BOOST_TEST(dead_of(watch) == Names{"stopped"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_client_that_has_unregistered_is_not_told) {
  ClientWatch watch;
  Client left;
  watch.add("left", left.pid);
  watch.remove("left");
  watch.remove("left");
  watch.remove("unknown");
  left.end();
  usleep(10'000);
  BOOST_TEST(watch.remove_dead().empty());
}

BOOST_AUTO_TEST_CASE(a_name_is_that_of_the_client_that_registered_it_last) {
  ClientWatch watch;
  Client first, second;
  watch.add("client", first.pid);
  watch.add("client", second.pid);
  first.end();
  usleep(10'000);
  BOOST_TEST(watch.remove_dead().empty());
  second.end();
  BOOST_TEST(dead_of(watch) == Names{"client"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_was_dead_when_it_was_added_is_told) {
  ClientWatch watch;
  Client client;
  const pid_t pid = client.pid;
  client.end();
  watch.add("late", pid);
  BOOST_TEST(watch.remove_dead() == Names{"late"}, boost::test_tools::per_element());
}

// iceoryx's own RouDi takes the channels of whoever was silent for 1.5 s.
BOOST_AUTO_TEST_CASE(a_client_that_stood_still_keeps_its_channel_and_a_killed_one_loses_it) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  if (!broker) BOOST_FAIL(broker.error().message);
  const pid_t consumer = in_process([] {
    if (!attach(name("still"), 5s)) return 1;
    Subscriber subscriber("still", 4);
    const auto chunk = subscriber.take(20s);
    if (!chunk || !*chunk || (*chunk)->header().sequence != 7) return 2;
    for (;;) ::pause();
  });
  const pid_t producer = in_process([&] {
    if (!attach(name("moving"), 5s)) return 10;
    Publisher publisher("still", largest, 4);
    while (!publisher.has_subscribers()) usleep(1000);
    ::kill(consumer, SIGSTOP);
    usleep(2'500'000);
    if (!publisher.has_subscribers()) return 11;
    ::kill(consumer, SIGCONT);
    auto loan = publisher.loan(header_for(7, 64), 20s);
    if (!loan || !publisher.publish(*loan, 20s)) return 12;
    usleep(100'000);
    ::kill(consumer, SIGKILL);
    for (int i = 0; i < 2000 && publisher.has_subscribers(); ++i) usleep(1000);
    return publisher.has_subscribers() ? 13 : 0;
  });
  BOOST_TEST(exit_code(producer) == 0);
  BOOST_TEST(exit_code(consumer) == 128 + SIGKILL);
}

BOOST_AUTO_TEST_SUITE_END()
