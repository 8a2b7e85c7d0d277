// Hand-off between real processes over a real broker: in order, whole, held back when the consumer
// is slow.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <limelight/log.hpp>

#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;
using limelight::ErrorCode;

namespace {
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

// The numbers of chunks that channels with these windows take before the producer must wait, and
// what the log says of the windows.
BOOST_AUTO_TEST_CASE(the_largest_window_is_250_and_a_larger_one_is_no_secret) {
  auto broker = Broker::use(BROKER_HELPER, {{chunk_bytes(64), 300}});
  if (!broker) BOOST_FAIL(broker.error().message);
  const Folder folder;
  const pid_t both = in_process([&] {
    if (!attach(name("both"), 5s)) return 1;
    std::ofstream log(folder.path / "log");
    limelight::set_log_sink(
        [&](limelight::LogLevel, std::string_view message) { log << message << std::endl; });
    for (const auto& [window, expected] :
         {std::pair(most_window, most_window), {most_window + 1, most_window}, {0, 1}}) {
      const std::string topic = "window" + std::to_string(window);
      Subscriber subscriber(topic, window);
      Publisher publisher(topic, 64, window);
      while (!publisher.has_subscribers()) usleep(1000);
      for (std::uint64_t i = 0; i <= expected; ++i) {
        auto loan = publisher.loan(header_for(i, 64), 5s);
        if (!loan) return 2;
        const auto sent = publisher.publish(*loan, 1ms);
        if (sent.ok() != (i < expected)) return 3;
        if (!sent) publisher.release(*loan);
      }
      for (std::uint64_t i = 0; i < expected; ++i) {
        const auto chunk = subscriber.take(5s);
        if (!chunk || !*chunk || (*chunk)->header().sequence != i) return 4;
      }
    }
    return 0;
  });
  BOOST_TEST(exit_code(both) == 0);
  BOOST_TEST(read_file(folder.path / "log") ==
             "channel window251: found a window of 251 chunks, expected 1 to 250: it is 250\n"
             "channel window0: found a window of 0 chunks, expected 1 to 250: it is 1\n");
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
