// What iceoryx locks in shared memory survives whoever is killed with it.
#include <dlfcn.h>
#include <semaphore.h>
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/iceoryx/robust_mutex.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {
bool killed_in_sem_post = false;
}
// Stands before the C library's for iceoryx, which calls it inside a publish to wake the consumer.
extern "C" int sem_post(sem_t* semaphore) noexcept {
  if (killed_in_sem_post) raise(SIGKILL);
  static const auto original = reinterpret_cast<int (*)(sem_t*)>(dlsym(RTLD_NEXT, "sem_post"));
  return original(semaphore);
}

// Killed while it wakes the consumer: iceoryx holds two locks in shared memory then. The next
// producer comes under the same name, which makes the broker clean up after the dead one.
BOOST_AUTO_TEST_CASE(a_producer_killed_inside_a_publish_harms_neither_consumer_nor_broker) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  BOOST_REQUIRE(broker.ok());
  const std::string victim = name("victim");
  for (int round = 0; round < 5; ++round) {
    const std::string topic =
        "fatal" + std::to_string(round);  // the broker knows the last round's consumer for a while
    const pid_t producer = in_process([&] {
      if (!attach(victim, 5s)) return 70;
      Publisher publisher(topic, largest, 4);
      while (!publisher.has_subscribers()) usleep(1000);
      killed_in_sem_post = true;
      for (std::uint64_t i = 0;;
           ++i) {  // the first ones may come before the consumer wants to be woken
        auto loan = publisher.loan(header_for(i, 64), 20s);
        if (!loan || !publisher.publish(*loan, 20s)) return 71;
      }
    });
    const pid_t consumer = in_process([&] {
      if (!attach(name("bereft"), 5s)) return 80;
      Subscriber subscriber(topic, 4);
      int taken = 0;
      for (int silent = 0; silent < (taken > 0 ? 1 : 100);) {  // whoever was to wake it is dead
        auto chunk = subscriber.take(200ms);
        if (!chunk) return 81;
        *chunk ? ++taken : ++silent;
      }
      return taken > 0 ? 0 : 82;
    });
    BOOST_REQUIRE_EQUAL(exit_code(producer), 128 + SIGKILL);
    BOOST_REQUIRE_EQUAL(exit_code(consumer), 0);
  }
  BOOST_TEST(kill(broker->pid(), 0) == 0);
}
