// One broker for all that ask, whatever became of the last one.
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;
using limelight::ErrorCode;

BOOST_AUTO_TEST_CASE(the_next_start_succeeds_after_kill_9_of_everybody) {
  {
    auto broker = Broker::use(BROKER_HELPER, pools);
    BOOST_REQUIRE(broker.ok());
    const pid_t consumer = in_process([] {
      if (!attach(name("killed"), 5s)) return 1;
      Subscriber subscriber("killed", 4);
      raise(SIGKILL);
      return 0;
    });
    BOOST_TEST(exit_code(consumer) == 128 + SIGKILL);
    kill(broker->pid(), SIGKILL);
  }
  {
    auto broker = Broker::use(BROKER_HELPER, pools);
    if (!broker) BOOST_FAIL(broker.error().message);
  }
  BOOST_TEST(access("/dev/shm/iceoryx_mgmt", F_OK) != 0);
  BOOST_TEST(access("/tmp/roudi", F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(a_broker_that_does_not_answer_is_replaced) {
  int stuck = 0;
  {
    // What holds the lock of users goes away, and the broker, stopped, cannot notice.
    auto broker = Broker::use(BROKER_HELPER, pools);
    BOOST_REQUIRE(broker.ok());
    stuck = broker->pid();
    kill(stuck, SIGSTOP);
    auto second = Broker::use(BROKER_HELPER, pools);
    BOOST_REQUIRE(!second.ok());
    BOOST_TEST((second.error().code == ErrorCode::unavailable));
  }
  auto broker = Broker::use(BROKER_HELPER, pools);
  if (!broker) BOOST_FAIL(broker.error().message);
  BOOST_TEST(broker->pid() != stuck);
  const pid_t user = in_process([] { return attach(name("after"), 5s) ? 0 : 1; });
  BOOST_TEST(exit_code(user) == 0);
}

BOOST_AUTO_TEST_CASE(a_broker_with_smaller_pools_is_refused_with_both_sizes) {
  auto first = Broker::use(BROKER_HELPER, pools);
  BOOST_REQUIRE(first.ok());
  auto second = Broker::use(BROKER_HELPER, {{chunk_bytes(2 * largest), 1}});
  BOOST_REQUIRE(!second.ok());
  BOOST_TEST((second.error().code == ErrorCode::too_large));
}

BOOST_AUTO_TEST_CASE(a_runtime_folder_that_is_too_long_for_sockets_is_refused_with_both_lengths) {
  const Folder folder;
  const auto folder_of = [&](std::size_t bytes) {  // bytes: of the path of the runtime folder
    const std::string rest = "/limelight";
    const std::string base =
        folder.path.string() + "/" +
        std::string(bytes - rest.size() - folder.path.string().size() - 1, 'x');
    std::filesystem::create_directories(base);
    ::setenv("XDG_RUNTIME_DIR", base.c_str(), 1);
    const auto found = runtime_folder();
    ::unsetenv("XDG_RUNTIME_DIR");
    return found;
  };
  BOOST_TEST(folder_of(76).ok());
  const auto refused = folder_of(77);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::invalid_argument));
  BOOST_TEST(refused.error().message.starts_with("XDG_RUNTIME_DIR: "), refused.error().message);
  for (const char* part : {" 77 bytes", "at most 76", " 107 bytes"})
    BOOST_TEST(refused.error().message.find(part) != std::string::npos, part);
}
