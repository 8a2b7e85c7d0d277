// Channels: tensors from one process to another through iceoryx's shared memory, without a copy, in
// order and without loss. A channel has one publisher and one subscriber, which name it alike.
//
// A publisher is held back at a window, the number of chunks that were published and not taken.
// Before it exceeds the window it looks for chunks that were taken. A chunk was taken if `taken` is
// 1, or if its ticket has changed, because then the memory is in use for a later chunk.
//
// The process is attached to a broker before (broker_link.hpp). One thread uses a publisher, and
// one a subscriber, but for what says otherwise.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/limits.hpp"
#include "ipc/window.hpp"

namespace limelight::ipc {

// The header of every chunk: one cache line, directly before the data in shared memory.
struct ChunkHeader {
  std::uint32_t magic = 0x4c4d4304;  // "LMC", version 4; take() refuses other chunks on the topic
  std::uint32_t sequence = 0;        // for each publisher and request, from 0
  std::uint64_t request = 0;         // number of the request, as in the control messages
  std::uint64_t wanted_ticks = 0;    // ticks() when loan() was called
  std::uint64_t sent_ticks = 0;      // ticks() when publish() sent it
  std::uint32_t ticket = 0;          // set by publish(); differs for the next use of the memory
  std::int16_t stage = 0;            // the sender
  std::uint8_t last = 0;             // 1: no chunk of this request follows from this stage
  std::uint8_t taken = 0;            // set to 1 by take(); read by the producer
  TensorSpec tensor;
};
static_assert(sizeof(ChunkHeader) == 64);

// Memory of a chunk that is not published yet. It must be given to publish() or release().
struct Loan {
  ChunkHeader* header = nullptr;
  std::span<std::byte> data;  // as large as the header's tensor; 64-byte aligned, not zeroed
};

class Publisher {
 public:
  // max_bytes: the largest tensor, for which the broker has a pool. window: 1 to most_window (see
  // ipc/window.hpp); another number becomes the nearest of these, and the log says so.
  Publisher(std::string_view topic, std::uint64_t max_bytes, std::size_t window);
  ~Publisher();
  Publisher(Publisher&&) noexcept;

  // Returns memory for a tensor. Errors: too_large (more than max_bytes), timeout (all chunks of
  // that size are in use), invalid_argument (8 loans are held already).
  Result<Loan> loan(const ChunkHeader& header, std::chrono::milliseconds timeout);
  // Sends the chunk; waits while the window is full. Errors: timeout. Then the caller still has the
  // loan, and can publish it again or release it.
  Result<void> publish(Loan loan, std::chrono::milliseconds timeout);
  // The same for a chunk that comes from another machine: it was sent there, at that time of
  // ticks(), so nothing of it is recorded. Does not wait.
  Result<void> relay(Loan loan, std::uint64_t wanted_ticks, std::uint64_t sent_ticks);
  void release(Loan loan);
  // How many chunks were published, and how many of them the consumer has taken as far as that can
  // be known. On the thread that publishes, or under a lock that it holds.
  std::uint64_t published() const noexcept;
  std::uint64_t taken();
  std::uint64_t max_bytes() const noexcept;
  // A chunk that is published before there is a subscriber is lost.
  bool has_subscribers() const;
  // Of the pools that all publishers of this process have their memory from: how many chunks are in
  // use, by any process, and how many there are. On any thread.
  struct Pools {
    std::uint64_t used = 0, chunks = 0;
  };
  Pools pools() const noexcept;
  // The consumer is another process now, and what it did not take is lost: the window is empty. On
  // any thread; the one that waits in publish() goes on.
  void consumer_replaced();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Subscriber;

// A chunk that was taken. The destructor releases it to the pool.
class Chunk {
 public:
  Chunk(Chunk&& other) noexcept;
  Chunk& operator=(Chunk&& other) noexcept;
  ~Chunk();

  const ChunkHeader& header() const noexcept { return *header_; }
  // Which of the subscriber's channels it came through, from 0.
  std::size_t channel() const noexcept { return channel_; }
  // Tells the producer that it was taken: only of a channel that is relayed, see
  // Subscriber::Channel. On any thread.
  void mark_taken() const noexcept;
  std::span<const std::byte> data() const noexcept;
  template <class T>
  std::span<const T> as() const noexcept {
    return {reinterpret_cast<const T*>(data().data()), data().size() / sizeof(T)};
  }

 private:
  friend class Subscriber;
  Chunk(Subscriber* owner, std::size_t channel, const ChunkHeader* header)
      : owner_(owner), header_(header), channel_(channel) {}
  Subscriber* owner_;
  const ChunkHeader* header_;
  std::size_t channel_;
};

// The receiving end of one channel, or of several that one thread reads together.
class Subscriber {
 public:
  static constexpr std::size_t most_channels = most_channels_together;
  struct Channel {
    std::string topic;
    std::size_t window;  // the same as the publisher's
    // The chunks go on to another machine: they count as taken once mark_taken() says so, and the
    // trace has no span of them.
    bool relayed = false;
  };
  // 1 to most_channels of them.
  explicit Subscriber(const std::vector<Channel>& channels);
  Subscriber(std::string_view topic, std::size_t window);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;

  // Waits for the next chunk of any channel; the channels take turns. Returns nothing after the
  // timeout, or after wake(). It spins before it sleeps, for as long as spinning has succeeded
  // recently. Errors: corrupt (the chunk does not fit its header; it was released).
  Result<std::optional<Chunk>> take(std::chrono::milliseconds timeout);
  // Makes take() return early. May be called from any thread.
  void wake();
  bool connected() const;  // all of them
  bool connected(std::size_t channel) const;

 private:
  friend class Chunk;
  void release(std::size_t channel, const ChunkHeader* header);
  struct State;
  std::unique_ptr<State> state_;
};

// The size in shared memory of a chunk with a tensor of this size.
std::uint64_t chunk_bytes(std::uint64_t tensor_bytes) noexcept;

}  // namespace limelight::ipc
