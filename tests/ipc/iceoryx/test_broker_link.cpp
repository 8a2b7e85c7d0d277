// Joining a broker that is not there, or ends. Each process joins once, so each case has its own.
#include <signal.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

// What attach() says in a process of its own.
std::string refusal(std::chrono::milliseconds timeout, BrokerComes comes) {
  const Folder folder;
  const auto said = folder.path / "said";
  const pid_t pid = in_process([&] {
    const auto attached = attach(name("unlinked"), timeout, comes);
    write_file(said, attached ? "attached" : attached.error().message);
    return 0;
  });
  BOOST_TEST(exit_code(pid) == 0);
  return read_file(said);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(broker_link)

BOOST_AUTO_TEST_CASE(without_a_broker_nobody_waits_longer_than_was_asked_for) {
  BOOST_TEST(!broker_listens());
  BOOST_TEST(refusal(30ms, BrokerComes::some_time) == "no iceoryx broker came up within 30 ms");
  BOOST_TEST(refusal(1h, BrokerComes::was_there) ==
             "the iceoryx broker has ended: restart this process");
}

BOOST_AUTO_TEST_CASE(a_call_to_a_broker_that_was_killed_says_so_and_returns) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  BOOST_REQUIRE(broker.ok());
  BOOST_TEST(broker_listens());
  const pid_t user = in_process([&] {
    if (!attach(name("left"), 5s)) return 1;
    if (!ask_broker([] {}, 5s)) return 2;
    ::kill(broker->pid(), SIGKILL);
    while (broker_listens()) ::usleep(1000);
    const auto asked = ask_broker([] { ::pause(); }, 1h);
    if (asked || asked.error().message != "the iceoryx broker has ended: restart this process")
      return 3;
    ::_exit(0);  // the call is left behind on its thread
  });
  BOOST_TEST(exit_code(user) == 0);
}

BOOST_AUTO_TEST_CASE(a_broker_that_stands_still_does_not_answer_within_the_time) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  BOOST_REQUIRE(broker.ok());
  const pid_t user = in_process([&] {
    if (!attach(name("waits"), 5s)) return 1;
    const auto asked = ask_broker([] { ::pause(); }, 30ms);
    if (asked ||
        asked.error().message != "the iceoryx broker does not answer: restart this process")
      return 2;
    ::_exit(0);
  });
  BOOST_TEST(exit_code(user) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
