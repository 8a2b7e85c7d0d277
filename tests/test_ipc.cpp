// Hand-off between real processes over a real broker: in order, whole, held back when the consumer
// is slow.
#include <dlfcn.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <numeric>
#include <vector>

#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "ipc/shared_group.hpp"

using namespace limelight::ipc;
using namespace std::chrono_literals;
using limelight::ErrorCode;

namespace {
bool killed_in_sem_post = false;
}
// Stands before the C library's for iceoryx, which calls it inside a publish to wake the consumer.
extern "C" int sem_post(sem_t* semaphore) noexcept {
  if (killed_in_sem_post) raise(SIGKILL);
  static const auto original = reinterpret_cast<int (*)(sem_t*)>(dlsym(RTLD_NEXT, "sem_post"));
  return original(semaphore);
}

namespace {
constexpr std::uint64_t largest = 1 << 20;
const std::vector<Pool> pools{{chunk_bytes(4096), 64}, {chunk_bytes(largest), 12}};

// Runs body in a process of its own, which exits with what it returns.
template <class F>
pid_t in_process(F body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  return pid;
}
int exit_code(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
ChunkHeader header_for(std::uint64_t sequence, std::uint64_t bytes) {
  ChunkHeader header;
  header.request = 5;
  header.sequence = static_cast<std::uint32_t>(sequence);
  header.tensor = TensorSpec::of(DType::uint8, {bytes});
  return header;
}
std::string name(const char* role) {
  return std::string("limelight-test-") + role + "-" + std::to_string(getpid());
}
std::uint64_t size_of_message(std::uint64_t i) { return i % 7 == 0 ? largest : i * 13 % 4096; }
constexpr std::uint64_t messages = 400;

int produce() {
  if (!attach(name("producer"), 5s)) return 10;
  Publisher publisher("order", largest, 4);
  while (!publisher.has_subscribers()) usleep(1000);
  for (std::uint64_t i = 0; i < messages; ++i) {
    auto loan = publisher.loan(header_for(i, size_of_message(i)), 20s);
    if (!loan) return 11;
    std::memset(loan->data.data(), static_cast<int>(i), loan->data.size());
    if (!publisher.publish(*loan, 20s)) return 13;
  }
  ChunkHeader shapeless;
  shapeless.tensor = TensorSpec::of(DType::uint8, {1, 1, 1, 1, 1, 1});
  for (const ChunkHeader& refused :
       {header_for(0, largest + 1), header_for(0, std::uint64_t{1} << 33), shapeless})
    if (publisher.loan(refused, 1s).error().code != ErrorCode::too_large) return 12;
  return 0;
}
int consume() {
  if (!attach(name("consumer"), 5s)) return 20;
  Subscriber subscriber("order", 4);
  for (std::uint64_t i = 0; i < messages; ++i) {
    auto chunk = subscriber.take(20s);
    if (!chunk || !*chunk) return 21;
    const Chunk& c = **chunk;
    if (c.header().sequence != i || c.data().size() != size_of_message(i)) return 22;
    if (reinterpret_cast<std::uintptr_t>(c.data().data()) % 64 != 0) return 23;
    for (const std::byte b : c.data())
      if (b != static_cast<std::byte>(i)) return 24;
    if (i % 50 == 0) usleep(5000);  // a consumer that stalls
  }
  auto none = subscriber.take(1ms);
  return none && !*none ? 0 : 25;
}
}  // namespace

BOOST_AUTO_TEST_CASE(chunks_arrive_whole_and_in_order_at_a_slow_consumer) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  if (!broker) BOOST_FAIL(broker.error().message);
  const pid_t consumer = in_process(consume), producer = in_process(produce);
  BOOST_TEST(exit_code(producer) == 0);
  BOOST_TEST(exit_code(consumer) == 0);
}

BOOST_AUTO_TEST_CASE(a_producer_is_held_back_at_the_window_and_can_give_up) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  BOOST_REQUIRE(broker.ok());
  int pipes[2];
  BOOST_REQUIRE(pipe(pipes) == 0);
  const pid_t consumer = in_process([&] {
    if (!attach(name("held-consumer"), 5s)) return 50;
    Subscriber subscriber("held", 3);
    char go = 0;
    if (read(pipes[0], &go, 1) != 1) return 51;
    for (std::uint64_t i = 0; i < 4; ++i) {
      auto chunk = subscriber.take(20s);
      if (!chunk || !*chunk || (*chunk)->header().sequence != i) return 52;
    }
    return 0;
  });
  const pid_t producer = in_process([&] {
    if (!attach(name("held-producer"), 5s)) return 60;
    Publisher publisher("held", largest, 3);
    while (!publisher.has_subscribers()) usleep(1000);
    for (std::uint64_t i = 0; i < 4; ++i) {
      auto loan = publisher.loan(header_for(i, 64), 20s);
      if (!loan) return 61;
      const auto sent = publisher.publish(*loan, 20ms);
      if (sent.ok() != (i < 3)) return 62;
      if (sent) continue;
      if (sent.error().code != ErrorCode::timeout || write(pipes[1], "x", 1) != 1) return 63;
      if (!publisher.publish(*loan, 20s)) return 64;  // the loan is still ours
    }
    return 0;
  });
  BOOST_TEST(exit_code(producer) == 0);
  BOOST_TEST(exit_code(consumer) == 0);
}

// Every power of four from nothing to 256 MiB, with the first and last bytes checked; the consumer
// keeps two chunks while it takes the next.
BOOST_AUTO_TEST_CASE(tensors_from_nothing_to_256_MiB_arrive_whole) {
  constexpr std::uint64_t most = std::uint64_t{256} << 20;
  std::vector<std::uint64_t> sizes{0, 1};
  for (std::uint64_t bytes = 64; bytes <= most; bytes *= 4) sizes.push_back(bytes);
  auto broker = Broker::use(BROKER_HELPER, {{chunk_bytes(1 << 20), 16}, {chunk_bytes(most), 5}});
  if (!broker) BOOST_FAIL(broker.error().message);
  const pid_t consumer = in_process([&] {
    if (!attach(name("large-consumer"), 5s)) return 30;
    Subscriber subscriber("large", 4);
    std::vector<Chunk> kept;
    for (const std::uint64_t bytes : sizes) {
      auto chunk = subscriber.take(20s);
      if (!chunk || !*chunk) return 31;
      const auto data = (*chunk)->data();
      if (data.size() != bytes || (*chunk)->header().tensor.shape[0] != bytes) return 32;
      if (bytes > 0 && (data.front() != std::byte{7} ||
                        data.back() != (bytes > 1 ? std::byte{9} : std::byte{7})))
        return 33;
      kept.push_back(std::move(**chunk));
      if (kept.size() > 2) kept.erase(kept.begin());
    }
    return 0;
  });
  const pid_t producer = in_process([&] {
    if (!attach(name("large-producer"), 5s)) return 40;
    Publisher publisher("large", most, 4);
    while (!publisher.has_subscribers()) usleep(1000);
    for (std::uint64_t i = 0; i < sizes.size(); ++i) {
      auto loan = publisher.loan(header_for(i, sizes[i]), 20s);
      if (!loan) return 41;
      if (!loan->data.empty()) {
        loan->data.back() = std::byte{9};
        loan->data.front() = std::byte{7};
      }
      if (!publisher.publish(*loan, 20s)) return 42;
    }
    return 0;
  });
  BOOST_TEST(exit_code(producer) == 0);
  BOOST_TEST(exit_code(consumer) == 0);
}

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

BOOST_AUTO_TEST_CASE(all_reduce_gives_every_rank_the_same_sum) {
  constexpr int ranks = 3;
  const std::string group = "limelight-test-group-" + std::to_string(getpid());
  std::vector<pid_t> members;
  for (int rank = 0; rank < ranks; ++rank)
    members.push_back(in_process([&] {
      auto joined = SharedGroup::join(group, rank, ranks, 1024, 5s);
      if (!joined) return 1;
      for (int round = 0; round < 50; ++round) {
        std::vector<float> values(1000);  // more than the capacity: goes in pieces
        for (std::size_t i = 0; i < values.size(); ++i)
          values[i] = static_cast<float>(rank) + 0.1f * static_cast<float>(i);
        if (!joined->all_reduce_sum(values)) return 2;
        for (std::size_t i = 0; i < values.size(); ++i) {
          const float x = 0.1f * static_cast<float>(i);
          if (values[i] != (x + (1.f + x)) + (2.f + x)) return 3;
        }
        int word = rank == 0 ? round : -1;
        if (!joined->broadcast(std::as_writable_bytes(std::span(&word, 1)), 5s) || word != round)
          return 4;
      }
      return 0;
    }));
  for (const pid_t member : members) BOOST_TEST(exit_code(member) == 0);
  BOOST_TEST(access(("/dev/shm/" + group).c_str(), F_OK) != 0);
}
