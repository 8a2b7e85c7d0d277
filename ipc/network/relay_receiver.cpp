#include <algorithm>
#include <condition_variable>
#include <limelight/span.hpp>
#include <thread>

#include "base/try.hpp"
#include "ipc/network/relay.hpp"
#include "ipc/network/relay_end.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::ipc {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;

namespace {
// How long one look for memory or room lasts before the receiver asks whether it is to end.
constexpr auto receiver_look = 100ms;
// How often the consumer's progress is looked at while it has chunks to take.
constexpr auto first_pause = 50us, longest_pause = 2000us;
}  // namespace

Result<ChunkHeader> wire::header_of(const ChunkHead& head, std::uint64_t max_bytes) {
  ChunkHeader header;
  header.sequence = head.sequence;
  header.request = head.request;
  header.stage = head.stage;
  header.last = head.last;
  header.tensor.dtype = static_cast<DType>(head.dtype);
  header.tensor.extents = head.extents;
  for (std::size_t i = 0; i < TensorSpec::max_extents; ++i) header.tensor.shape[i] = head.shape[i];
  const auto bytes = header.tensor.bytes();
  if (head.magic != wire::magic || head.last > 1 || !bytes || *bytes > max_bytes)
    return Error{ErrorCode::corrupt,
                 "found " +
                     (head.magic != wire::magic ? std::string("other data")
                      : bytes                   ? "a tensor of " + std::to_string(*bytes) + " bytes"
                                                : "no tensor") +
                     ", expected a chunk of at most " + std::to_string(max_bytes) + " bytes"};
  const std::uint64_t ticks = prof::ticks();
  const std::int64_t now = prof::realtime_ns();
  const double ns_per_tick = prof::ticks_to_ns(1'000'000) / 1e6;
  // A time to come is an error of the clocks; nothing was sent after it has arrived.
  const auto ticks_at = [&](std::int64_t ns) {
    std::int64_t ago = 0;
    if (__builtin_sub_overflow(now, ns, &ago)) ago = 0;
    return ticks - static_cast<std::uint64_t>(
                       std::clamp(static_cast<double>(ago) / ns_per_tick, 0.0, 9e15));
  };
  header.wanted_ticks = ticks_at(head.wanted_ns);
  header.sent_ticks = std::max(ticks_at(head.sent_ns), header.wanted_ticks);
  return header;
}

struct RelayReceiver::State : RelayEnd {
  std::unique_ptr<Publisher> publisher;

  // Under the lock, as the publisher's count is.
  std::condition_variable published = {};
  std::uint64_t sender = 0;                    // the last one that there was a connection with
  std::uint64_t received = wire::nothing_yet;  // its last chunk
  std::uint64_t before = 0;                    // chunks of the publisher before its first one
  std::uint64_t offset = 0;                    // its number of the one before that

  // Says how many chunks the consumer has taken, whenever that changes.
  void tell(const Socket& socket) {
    prof::name_thread("relay: taken");
    std::uint64_t told = 0;
    std::chrono::microseconds pause = first_pause;
    std::unique_lock lock(mutex);
    while (!broken && !stopping) {
      const std::uint64_t taken = publisher->taken(), all = publisher->published();
      const std::uint64_t number = taken > before ? taken - before + offset : 0;
      if (number > told) {
        told = number;
        pause = first_pause;
        lock.unlock();
        const auto sent = send_all(socket, bytes_of(number));
        lock.lock();
        if (!sent) break;
        continue;
      }
      if (taken < all) {
        published.wait_for(lock, pause);
        pause = std::min(2 * pause, longest_pause);
      } else {
        published.wait(lock, [&] { return broken || stopping || publisher->published() > all; });
        pause = first_pause;
      }
    }
    socket.shutdown();
  }

  Result<void> greet(const Socket& socket) {
    wire::SenderGreeting theirs;
    LIMELIGHT_TRY(receive_all(socket, bytes_of(theirs), std::chrono::steady_clock::now() + 5s));
    if (theirs.magic != wire::magic || theirs.sender == 0)
      return Error{ErrorCode::corrupt, "found a peer that does not relay channels"};
    const std::lock_guard lock(mutex);
    const bool anew = theirs.sender != sender;
    if (anew) received = wire::nothing_yet;
    const wire::ReceiverGreeting mine{.sender = anew ? 0 : sender, .received = received};
    LIMELIGHT_TRY(send_all(socket, bytes_of(mine)));
    sender = theirs.sender;
    return {};
  }

  // Waits while the pool is empty. Nothing: the relay ends.
  Result<Loan> loan(const ChunkHeader& header) {
    for (;;) {
      auto memory = publisher->loan(header, receiver_look);
      if (memory || memory.error().code != ErrorCode::timeout) return memory;
      const std::lock_guard lock(mutex);
      if (stopping || broken) return Error{ErrorCode::cancelled, "the relay ends"};
    }
  }

  // Waits while the window is full.
  Result<void> publish(const Loan& loan, const ChunkHeader& header, std::uint64_t number) {
    std::unique_lock lock(mutex);
    for (std::chrono::microseconds pause = first_pause;;
         pause = std::min(2 * pause, longest_pause)) {
      if (stopping) return Error{ErrorCode::cancelled, "the relay ends"};
      const auto done = publisher->relay(loan, header.wanted_ticks, header.sent_ticks);
      if (done) break;
      if (done.error().code != ErrorCode::timeout) return done;
      published.wait_for(lock, pause);
    }
    received = number;
    published.notify_all();
    return {};
  }

  Result<void> serve(const Socket& socket) {
    LIMELIGHT_TRY(greet(socket));
    std::thread voice;
    const struct Join {
      State& state;
      const Socket& socket;
      std::thread& voice;
      ~Join() {
        {
          const std::lock_guard lock(state.mutex);
          state.broken = true;
          state.published.notify_all();
        }
        socket.shutdown();
        if (voice.joinable()) voice.join();
      }
    } join{*this, socket, voice};
    for (;;) {
      wire::ChunkHead head;
      // Before the first chunk of a new sender it is not known how its numbers go with ours.
      // Only this thread changes `received`.
      if (received != wire::nothing_yet && !voice.joinable())
        voice = std::thread([&] { tell(socket); });
      LIMELIGHT_TRY(receive_all(socket, bytes_of(head)));
      const auto header = wire::header_of(head, publisher->max_bytes());
      if (!header) return header.error();
      if (head.number == 0) return Error{ErrorCode::corrupt, "found chunk 0, expected 1 or more"};
      if (received == wire::nothing_yet) {
        const std::lock_guard lock(mutex);
        before = publisher->published();
        offset = head.number - 1;
        received = offset;
      } else if (head.number != received + 1) {
        return Error{ErrorCode::corrupt, "found chunk " + std::to_string(head.number) +
                                             ", expected " + std::to_string(received + 1)};
      }
      auto memory = loan(*header);
      if (!memory) return memory.error();
      auto got = receive_all(socket, memory->data);
      if (got) got = publish(*memory, *header, head.number);
      if (!got) {
        publisher->release(*memory);
        return got;
      }
    }
  }
};

RelayReceiver::RelayReceiver(std::string name,
                             std::unique_ptr<Publisher> publisher,
                             std::shared_ptr<RelaySource> source)
    : state_(new State{{std::move(name), std::move(source)}, std::move(publisher)}) {
  state_->thread = std::thread([s = state_.get()] {
    s->run("relay: receiver", [s](const Socket& socket) { return s->serve(socket); });
  });
}

RelayReceiver::~RelayReceiver() {
  State& s = *state_;
  s.stop();
  s.published.notify_all();
  s.thread.join();
}

void RelayReceiver::consumer_replaced() {
  const std::lock_guard lock(state_->mutex);
  state_->publisher->consumer_replaced();
  state_->published.notify_all();
}

}  // namespace limelight::ipc
