#include <openssl/rand.h>

#include <deque>
#include <limelight/span.hpp>
#include <thread>

#include "base/try.hpp"
#include "ipc/network/relay.hpp"
#include "ipc/network/relay_end.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::ipc {

namespace prof = limelight::profiling;

namespace {
// How long a look for a chunk lasts before the sender asks whether it is to end.
constexpr std::chrono::milliseconds look{100};

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (number == 0)
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1)
      number = prof::ticks();
  return number;
}
}  // namespace

wire::ChunkHead wire::head_of(const ChunkHeader& header, std::uint64_t number) {
  const std::uint64_t ticks = prof::ticks();
  const std::int64_t now = prof::realtime_ns();
  const auto time_of = [&](std::uint64_t tick) {
    return now -
           static_cast<std::int64_t>(prof::ticks_to_ns(static_cast<std::int64_t>(ticks - tick)));
  };
  ChunkHead head;
  head.sequence = header.sequence;
  head.number = number;
  head.request = header.request;
  head.wanted_ns = time_of(header.wanted_ticks);
  head.sent_ns = time_of(header.sent_ticks);
  head.stage = header.stage;
  head.last = header.last;
  head.dtype = static_cast<std::uint8_t>(header.tensor.dtype);
  head.extents = header.tensor.extents;
  for (std::size_t i = 0; i < TensorSpec::max_extents; ++i) head.shape[i] = header.tensor.shape[i];
  return head;
}

struct RelaySender::State : RelayEnd {
  struct Held {
    std::uint64_t number;
    Chunk chunk;
  };
  std::unique_ptr<Subscriber> subscriber;
  const std::uint64_t me = random_number();

  // Under the lock.
  std::deque<Held> held = {};  // sent and not taken yet; the sender's thread alone adds and removes
  std::uint64_t sent = 0;      // the number of the last chunk
  std::uint64_t taken = 0;

  // Called with the lock held: all up to that one were taken.
  void count_taken(std::uint64_t number) {
    taken = std::max(taken, number);
    for (Held& one : held) {
      if (one.number > taken) break;
      one.chunk.mark_taken();
    }
  }
  void release_taken() {
    const std::lock_guard lock(mutex);
    while (!held.empty() && held.front().number <= taken) held.pop_front();
  }

  static Result<void> send(const Socket& socket, const Chunk& chunk, std::uint64_t number) {
    const wire::ChunkHead head = wire::head_of(chunk.header(), number);
    return send_all(socket, bytes_of(head), chunk.data());
  }

  Result<void> resume(const Socket& socket) {
    const wire::SenderGreeting mine{.sender = me};
    LIMELIGHT_TRY(send_all(socket, bytes_of(mine)));
    wire::ReceiverGreeting theirs;
    LIMELIGHT_TRY(
        receive_all(socket, bytes_of(theirs), std::chrono::steady_clock::now() + connect_time));
    if (theirs.magic != wire::magic)
      return Error{ErrorCode::corrupt, "found a peer that does not relay channels"};
    const bool anew = theirs.sender != me;
    std::size_t lost = 0;
    {
      const std::lock_guard lock(mutex);
      if (anew) {
        lost = held.size();
        count_taken(sent);
      } else if (theirs.received == wire::nothing_yet) {
        theirs.received = taken;
      } else if (theirs.received < taken || theirs.received > sent) {
        return Error{ErrorCode::corrupt, "found chunk " + std::to_string(theirs.received) +
                                             " received, expected " + std::to_string(taken) +
                                             " to " + std::to_string(sent)};
      }
    }
    release_taken();
    if (lost > 0)
      log(LogLevel::warning, name + ": the other side was started anew; " + std::to_string(lost) +
                                 " chunks that it had not read are lost");
    if (anew) return {};
    for (const Held& one : held)  // it grows and shrinks on this thread alone
      if (one.number > theirs.received) LIMELIGHT_TRY(send(socket, one.chunk, one.number));
    return {};
  }

  // What the other side says of chunks that were taken. Ends with the connection.
  void hear(const Socket& socket) {
    prof::name_thread("relay: taken");
    std::uint64_t number = 0;
    while (receive_all(socket, bytes_of(number))) {
      {
        const std::lock_guard lock(mutex);
        if (number > sent || number < taken) {
          log(LogLevel::error, name + ": found " + std::to_string(number) +
                                   " chunks taken, expected " + std::to_string(taken) + " to " +
                                   std::to_string(sent));
          break;
        }
        count_taken(number);
      }
      subscriber->wake();  // it gives their memory back
    }
    broken = true;
    socket.shutdown();
    subscriber->wake();
  }

  Result<void> serve(const Socket& socket) {
    LIMELIGHT_TRY(resume(socket));
    std::thread ear([&] { hear(socket); });
    const struct Join {
      const Socket& socket;
      std::thread& ear;
      ~Join() {
        socket.shutdown();
        ear.join();
      }
    } join{socket, ear};
    while (!broken) {
      release_taken();
      auto chunk = subscriber->take(look);
      if (!chunk) {
        log(LogLevel::error, name + ": " + chunk.error().message);
        continue;
      }
      if (!*chunk) {
        const std::lock_guard lock(mutex);
        if (stopping) return {};
        continue;
      }
      const Chunk* one = nullptr;
      std::uint64_t number = 0;
      {
        const std::lock_guard lock(mutex);
        number = ++sent;
        held.push_back({number, std::move(**chunk)});
        one = &held.back().chunk;
      }
      LIMELIGHT_TRY(send(socket, *one, number));
    }
    return Error{ErrorCode::cancelled, "the other side has closed the connection"};
  }

  static constexpr std::chrono::seconds connect_time{5};
};

RelaySender::RelaySender(std::string name,
                         std::unique_ptr<Subscriber> subscriber,
                         std::shared_ptr<RelaySource> source)
    : state_(new State{{std::move(name), std::move(source)}, std::move(subscriber)}) {
  state_->thread = std::thread([s = state_.get()] {
    s->run("relay: sender", [s](const Socket& socket) { return s->serve(socket); });
  });
}

RelaySender::~RelaySender() {
  State& s = *state_;
  s.stop();
  s.subscriber->wake();
  s.thread.join();
  s.held.clear();
}

}  // namespace limelight::ipc
