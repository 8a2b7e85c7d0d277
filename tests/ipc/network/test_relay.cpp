// Channels that go on over a connection which is cut again and again: what comes out, how much may
// be under way, and what a peer of ill will can do. Both ends are of one process and one broker.
#include <sys/socket.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <limelight/span.hpp>
#include <mutex>
#include <thread>

#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/network/relay.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t window = 4;

// Connects a sender and a receiver whenever the sender asks, and cuts what is there.
class Wire final : public RelaySource {
 public:
  explicit Wire(std::shared_ptr<ComingConnections> receiver) : receiver_(std::move(receiver)) {}
  std::optional<Socket> next() override {
    const std::lock_guard lock(mutex_);
    int ends[2];
    if (stopped_ || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return std::nullopt;
    current_ = Socket(::dup(ends[0]));
    receiver_->add(Socket(ends[1]));
    ++made;
    return Socket(ends[0]);
  }
  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  void cut() {
    const std::lock_guard lock(mutex_);
    current_.shutdown();
  }
  std::atomic<int> made = 0;

 private:
  std::shared_ptr<ComingConnections> receiver_;
  std::mutex mutex_;
  Socket current_;
  bool stopped_ = false;
};

// producer --> channel "run.x" ==> relay ==> channel "run_1.x" --> consumer
struct Way {
  explicit Way(const std::string& run)
      : producer(run + ".x", largest, window),
        consumer(std::make_unique<Subscriber>(run + "_1.x", window)),
        coming(std::make_shared<ComingConnections>()),
        wire(std::make_shared<Wire>(coming)) {
    make_receiver(run);
    sender = std::make_unique<RelaySender>(
        "sender",
        std::make_unique<Subscriber>(std::vector<Subscriber::Channel>{{run + ".x", window, true}}),
        wire);
    while (!producer.has_subscribers()) usleep(1000);
    while (!consumer->connected()) usleep(1000);
  }
  void make_receiver(const std::string& run) {
    receiver = std::make_unique<RelayReceiver>(
        "receiver", std::make_unique<Publisher>(run + "_1.x", largest, window), coming);
  }
  bool publish(std::uint64_t number, std::uint64_t bytes, std::chrono::milliseconds patience) {
    auto loan = producer.loan(header_for(number, bytes), 20s);
    if (!loan) return false;
    std::memset(loan->data.data(), static_cast<int>(number), loan->data.size());
    if (producer.publish(*loan, patience)) return true;
    producer.release(*loan);
    return false;
  }
  Publisher producer;
  std::unique_ptr<Subscriber> consumer;
  std::shared_ptr<ComingConnections> coming;
  std::shared_ptr<Wire> wire;
  std::unique_ptr<RelayReceiver> receiver;
  std::unique_ptr<RelaySender> sender;
};

// Runs a body in a process that is attached to a broker; it says with a number where it failed.
void attached(int (*body)()) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  if (!broker) BOOST_FAIL(broker.error().message);
  BOOST_TEST(exit_code(in_process([=] { return attach(name("relay"), 5s) ? body() : 99; })) == 0);
}

std::uint64_t size_of_chunk(std::uint64_t i) { return i % 7 == 0 ? largest : i * 13 % 4096; }

// How long a consumer waits for the next chunk, and what is wrong with it.
int check_next(Subscriber& consumer, std::uint64_t i) {
  auto chunk = consumer.take(20s);
  if (!chunk || !*chunk) return 21;
  const Chunk& c = **chunk;
  if (c.header().sequence != i || c.data().size() != size_of_chunk(i)) return 22;
  for (const std::byte b : c.data())
    if (b != static_cast<std::byte>(i)) return 24;
  return 0;
}

int through_cuts() {
  constexpr std::uint64_t chunks = 700;
  Way way("cuts");
  std::atomic<bool> over = false;
  std::thread cutter([&] {
    while (!over) {
      std::this_thread::sleep_for(7ms);
      way.wire->cut();
    }
  });
  std::thread producing([&] {
    for (std::uint64_t i = 0; i < chunks; ++i)
      if (!way.publish(i, size_of_chunk(i), 20s)) return;
  });
  int wrong = 0;
  for (std::uint64_t i = 0; i < chunks && wrong == 0; ++i) wrong = check_next(*way.consumer, i);
  over = true;
  cutter.join();
  producing.join();
  if (wrong != 0) return wrong;
  auto more = way.consumer->take(100ms);
  if (!more || *more) return 25;  // none comes twice
  return way.wire->made > 5 ? 0 : 26;
}

// No more than a window is under way, as on one machine; what the consumer takes makes room.
int within_the_window() {
  Way way("window");
  std::uint64_t sent = 0;
  while (way.publish(sent, 64, 300ms))
    if (++sent > window) return 31;
  if (sent != window) return 32;
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto chunk = way.consumer->take(5s);
    if (!chunk || !*chunk || (*chunk)->header().sequence != i) return 33;
    if (!way.publish(sent++, 64, 5s)) return 34;
    if (way.publish(sent, 64, 100ms)) return 35;
  }
  return 0;
}

// A consumer that is started anew: what its predecessor had not taken is lost, the rest arrives.
int to_a_new_consumer() {
  Way way("anew");
  for (std::uint64_t i = 0; i < window; ++i)
    if (!way.publish(i, 64, 5s)) return 41;
  std::this_thread::sleep_for(100ms);
  way.consumer.reset();
  way.consumer = std::make_unique<Subscriber>("anew_1.x", window);
  while (!way.consumer->connected()) usleep(1000);
  way.receiver->consumer_replaced();
  for (std::uint64_t i = 10; i < 30; ++i) {
    if (!way.publish(i, 64, 5s)) return 42;
    auto chunk = way.consumer->take(5s);
    if (!chunk || !*chunk || (*chunk)->header().sequence != i) return 43;
  }
  return 0;
}

// The machine of the consumer is started anew, with all that is there.
int to_a_new_receiver() {
  Way way("machine");
  for (std::uint64_t i = 0; i < window; ++i)
    if (!way.publish(i, 64, 5s)) return 51;
  std::this_thread::sleep_for(100ms);
  way.receiver.reset();  // it stops the source of its connections, too
  way.consumer.reset();
  const auto again = std::make_shared<ComingConnections>();
  RelayReceiver receiver("receiver", std::make_unique<Publisher>("machine_1.x", largest, window),
                         again);
  Subscriber consumer("machine_1.x", window);
  while (!consumer.connected()) usleep(1000);
  way.sender.reset();
  // The sender's process lives on in truth, so it is the same object; here another source is
  // easier.
  const auto wire = std::make_shared<Wire>(again);
  RelaySender sender(
      "sender",
      std::make_unique<Subscriber>(std::vector<Subscriber::Channel>{{"machine.x", window, true}}),
      wire);
  while (!way.producer.has_subscribers()) usleep(1000);
  way.producer.consumer_replaced();
  for (std::uint64_t i = 10; i < 30; ++i) {
    if (!way.publish(i, 64, 5s)) return 52;
    auto chunk = consumer.take(5s);
    if (!chunk || !*chunk || (*chunk)->header().sequence != i) return 53;
  }
  return 0;
}

// Who knows the token may still be broken: what it says is checked.
int from_a_liar() {
  Subscriber consumer("liar_1.x", window);
  const auto coming = std::make_shared<ComingConnections>();
  RelayReceiver receiver("receiver", std::make_unique<Publisher>("liar_1.x", largest, window),
                         coming);
  while (!consumer.connected()) usleep(1000);
  const auto try_out = [&](wire::ChunkHead head) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    Socket mine(ends[0]);
    coming->add(Socket(ends[1]));
    const wire::SenderGreeting greeting{.sender = 7};
    wire::ReceiverGreeting answer;
    if (!send_all(mine, bytes_of(greeting)) || !receive_all(mine, bytes_of(answer))) return false;
    (void)send_all(mine, bytes_of(head));
    std::uint64_t none = 0;
    const auto closed = receive_all(mine, bytes_of(none), std::chrono::steady_clock::now() + 5s);
    return closed.error().code == limelight::ErrorCode::cancelled ||
           closed.error().code == limelight::ErrorCode::io;
  };
  const wire::ChunkHead good = wire::head_of(header_for(0, 64), 1);
  wire::ChunkHead head = good;
  head.magic = 0;
  if (!try_out(head)) return 61;
  head = good;
  head.number = 0;
  if (!try_out(head)) return 62;
  head = good;
  head.shape[0] = largest + 1;
  if (!try_out(head)) return 63;
  head = good;
  head.dtype = 77;
  if (!try_out(head)) return 64;
  head = good;
  head.extents = 200;
  if (!try_out(head)) return 65;
  head = good;
  head.extents = 5;
  for (auto& extent : head.shape) extent = 0xfffffffe;
  if (!try_out(head)) return 66;
  head = good;
  head.last = 2;
  if (!try_out(head)) return 67;
  auto nothing = consumer.take(50ms);
  return nothing && !*nothing ? 0 : 68;
}

}  // namespace

BOOST_AUTO_TEST_CASE(
    chunks_arrive_once_and_in_order_over_a_connection_that_is_cut_again_and_again) {
  attached(through_cuts);
}
BOOST_AUTO_TEST_CASE(the_window_is_that_of_the_whole_way) { attached(within_the_window); }
BOOST_AUTO_TEST_CASE(a_new_consumer_gets_what_comes_after_it) { attached(to_a_new_consumer); }
BOOST_AUTO_TEST_CASE(a_machine_that_was_started_anew_gets_what_comes_after_it) {
  attached(to_a_new_receiver);
}
BOOST_AUTO_TEST_CASE(heads_that_cannot_be_end_the_connection_and_reach_nobody) {
  attached(from_a_liar);
}
BOOST_AUTO_TEST_CASE(a_head_says_again_what_the_header_said) {
  ChunkHeader header = header_for(9, 12);
  header.stage = 3;
  header.last = 1;
  header.wanted_ticks = limelight::profiling::ticks() - 1'000'000;
  header.sent_ticks = header.wanted_ticks + 400'000;
  const auto back = wire::header_of(wire::head_of(header, 5), 12);
  if (!back) BOOST_FAIL(back.error().message);
  BOOST_TEST(back->sequence == 9u);
  BOOST_TEST(back->request == 5u);
  BOOST_TEST(back->stage == 3);
  BOOST_TEST(int{back->last} == 1);
  BOOST_TEST(back->tensor.text() == header.tensor.text());
  const auto between = static_cast<std::int64_t>(back->sent_ticks - back->wanted_ticks);
  BOOST_TEST(std::abs(between - 400'000) < 100'000);
  BOOST_TEST(wire::header_of(wire::head_of(header, 5), 11).error().message ==
             "found a tensor of 12 bytes, expected a chunk of at most 11 bytes");
}
