// A channel: tensors from one producer process to one consumer process, through shared memory,
// without a copy, lossless and in order.
//
//   producer: loan(header, timeout) -> write into loan.data -> publish(loan, timeout)
//   consumer: take(timeout) -> read chunk.data in place -> the chunk's destructor gives it back
//
// When the consumer is `window` chunks behind, publish waits for it; when the pool is empty, loan
// waits. The window is kept here, not by iceoryx, whose producer waits with a lock held and without
// a way to give up: the consumer marks each chunk that it takes, and the producer looks for the
// mark before it sends beyond the window. Each Publisher and Subscriber belongs to one thread.
// Loans and Chunks must not outlive the channel that they came from. attach() comes first, once a
// process. No header here knows iceoryx, so that users do not pay for its includes.
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

namespace limelight::ipc {

// Travels with every chunk: one cache line in the same shared memory, right before the data.
struct ChunkHeader {
  std::uint32_t magic = 0x4c4d4304;  // "LMC", version 4: a stranger's chunk on our topic is refused
  std::uint32_t sequence = 0;        // per publisher and request, from 0
  std::uint64_t request = 0;         // the number that the control messages carry
  std::uint64_t wanted_ticks =
      0;  // set by loan(), before it waits; profiling's clock, which all processes share
  std::uint64_t sent_ticks = 0;  // set by publish()
  std::uint32_t ticket = 0;      // set by publish(): tells this use of the memory from a later one
  std::int16_t stage = 0;        // who sent it
  std::uint8_t last = 0;         // 1: no chunk of this request follows from this stage
  std::uint8_t taken = 0;        // set to 1 by take(); read by the producer
  TensorSpec tensor;
};
static_assert(sizeof(ChunkHeader) == 64);

// Registers this process with the broker. name: unique on the machine, [A-Za-z0-9_-]. Errors:
// unavailable (no broker within the timeout).
Result<void> attach(const std::string& name, std::chrono::milliseconds timeout);

struct Loan {
  ChunkHeader* header = nullptr;
  std::span<std::byte>
      data;  // 64-byte aligned, of the size that the header's tensor has, not zeroed
};

class Publisher {
 public:
  // max_bytes: the largest tensor that the broker's pools were sized for. window: chunks that may
  // wait unread (1 to 250).
  Publisher(std::string_view topic, std::uint64_t max_bytes, std::size_t window);
  ~Publisher();
  Publisher(Publisher&&) noexcept;

  // Errors: too_large, timeout (consumers hold every chunk of that size), invalid_argument (8 loans
  // are out).
  Result<Loan> loan(const ChunkHeader& header, std::chrono::milliseconds timeout);
  // Waits while the window is full. Errors: timeout; the loan is then still the caller's, to
  // publish again or to release.
  Result<void> publish(Loan loan, std::chrono::milliseconds timeout);
  void release(Loan loan);
  // What is published before there is one is lost.
  bool has_subscribers() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Subscriber;

class Chunk {
 public:
  Chunk(Chunk&& other) noexcept;
  Chunk& operator=(Chunk&& other) noexcept;
  ~Chunk();

  const ChunkHeader& header() const noexcept { return *header_; }
  std::span<const std::byte> data() const noexcept;
  template <class T>
  std::span<const T> as() const noexcept {
    return {reinterpret_cast<const T*>(data().data()), data().size() / sizeof(T)};
  }

 private:
  friend class Subscriber;
  Chunk(Subscriber* owner, const ChunkHeader* header) : owner_(owner), header_(header) {}
  Subscriber* owner_;
  const ChunkHeader* header_;
};

class Subscriber {
 public:
  // window: that of the publisher.
  Subscriber(std::string_view topic, std::size_t window);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;

  // The next chunk, or nothing when the timeout passed or wake() was called. Spins briefly first:
  // as long as spinning has paid off lately. Errors: corrupt (a chunk that breaks its own header is
  // released and reported).
  Result<std::optional<Chunk>> take(std::chrono::milliseconds timeout);
  // Ends a take() of the owner's thread early. Callable from any thread.
  void wake();
  bool connected() const;

 private:
  friend class Chunk;
  void release(const ChunkHeader* header);
  struct State;
  std::unique_ptr<State> state_;
};

// Shared-memory bytes that one chunk with a tensor of that many bytes takes from a pool.
std::uint64_t chunk_bytes(std::uint64_t tensor_bytes) noexcept;

}  // namespace limelight::ipc
