// A channel that goes on to another machine: a sender takes the chunks of a local channel and sends
// them over a connection, and a receiver publishes them on a local channel there. Ranks at both
// ends use the channels of their own machine, and know nothing of it.
//
//   producer            sender                        receiver           consumer
//   publish --> [ channel ] take ==chunk n, tensor==> publish --> [ channel ] take
//          window: not read                          <== so many were taken ==
//
// - The sender sends out of the shared memory, and the receiver receives into it: nothing is copied
//   beside the wire.
// - A chunk counts as read in the producer's channel once the consumer has taken it. So the window
//   of the whole way is that of one channel, and the producer waits as it would for a neighbour.
// - A connection that breaks is made anew, and goes on: the sender keeps a chunk until it was
//   taken, the receiver says which one it has received last. None is lost, and none comes twice.
// - A peer that was started anew knows nothing of what went before. The chunks under way are lost
//   then, as they are where a consumer on the same machine is started anew.
// - What comes from the other side is checked: numbers, the tensor's size against what the channel
//   carries.
//
// Each object has a thread for its channel, and one more while there is a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <memory>
#include <string>

#include "ipc/iceoryx/channel.hpp"
#include "ipc/network/relay_source.hpp"

namespace limelight::ipc {

class RelaySender {
 public:
  // name: for the log. subscriber: of one channel, whose chunks are relayed (see
  // Subscriber::Channel).
  RelaySender(std::string name,
              std::unique_ptr<Subscriber> subscriber,
              std::shared_ptr<RelaySource> source);
  ~RelaySender();  // ends, whatever is under way

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class RelayReceiver {
 public:
  RelayReceiver(std::string name,
                std::unique_ptr<Publisher> publisher,
                std::shared_ptr<RelaySource> source);
  ~RelayReceiver();
  // See Publisher::consumer_replaced(). On any thread.
  void consumer_replaced();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

namespace wire {

inline constexpr std::uint32_t magic = 0x4c4c5231;  // "LLR1"
inline constexpr std::uint64_t nothing_yet = ~std::uint64_t{0};

// What the sender says at the beginning of a connection.
struct SenderGreeting {
  std::uint32_t magic = wire::magic, reserved = 0;
  std::uint64_t sender = 0;  // a random number of this sender
};
// What the receiver answers.
struct ReceiverGreeting {
  std::uint32_t magic = wire::magic, reserved = 0;
  std::uint64_t sender = 0;              // that it had a connection with before; 0: none
  std::uint64_t received = nothing_yet;  // the last chunk of that sender
};
// In front of each tensor. Times are of the clock that all machines of a run share.
struct ChunkHead {
  std::uint32_t magic = wire::magic, sequence = 0;
  std::uint64_t number = 0;  // in this channel, from 1
  std::uint64_t request = 0;
  std::int64_t wanted_ns = 0, sent_ns = 0;
  std::int16_t stage = 0;
  std::uint8_t last = 0, dtype = 0, extents = 0;
  std::uint8_t reserved[3] = {};
  std::uint32_t shape[TensorSpec::max_extents] = {};
  std::uint32_t reserved_too = 0;
};
static_assert(sizeof(ChunkHead) == 72);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire has numbers as they are");

// The header of a chunk for the wire, and back. Errors: corrupt (no such tensor).
ChunkHead head_of(const ChunkHeader& header, std::uint64_t number);
Result<ChunkHeader> header_of(const ChunkHead& head, std::uint64_t max_bytes);

}  // namespace wire

}  // namespace limelight::ipc
