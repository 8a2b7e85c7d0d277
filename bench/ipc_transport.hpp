// The transports that `limelight bench ipc` compares. Each end is made and used in one process, by
// one thread.
//
// A message is a stamp, followed by other data up to `bytes`. Transports with shared memory write
// only the stamp, because a stage would compute its output in that memory. Transports that copy
// send an existing buffer, because the copy is their cost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::bench {

struct Stamp {
  std::uint64_t sequence = 0;
  std::uint64_t begin_ticks = 0;  // before the first call of the transport
};

class Sender {
 public:
  virtual ~Sender() = default;
  // Sets begin_ticks and sends the message. Returns false if the transport failed.
  virtual bool send(std::uint64_t sequence, std::uint64_t bytes) = 0;
  virtual bool connected() const { return true; }
  // Uses other memory from now on, if the transport can choose. (The cache lines of a message
  // decide over a fifth of the time between two cores, so one placement must not decide the
  // result.)
  virtual void move(std::uint64_t /*bytes*/) {}
};
class Receiver {
 public:
  virtual ~Receiver() = default;
  // Waits for the next message, by polling or asleep, until it has arrived and its stamp was read.
  // end_ticks: the time of that. Returns false if the transport failed or no message came within
  // seconds. The memory of the message is released before it returns.
  virtual bool receive(bool polling, Stamp& stamp, std::uint64_t& end_ticks) = 0;
  virtual bool connected() const { return true; }
};

// The number of chunks that a sender holds back, so that move() gets others. It is lower for large
// chunks, to save memory.
constexpr std::size_t spare_chunks(std::uint64_t bytes) {
  return bytes > (std::uint64_t{16} << 20) ? 1 : 3;
}

struct Transport {
  std::string name;  // "limelight", "iceoryx", "zeromq" or "socket"
  std::unique_ptr<Sender> (*make_sender)(const std::string& address, std::uint64_t max_bytes);
  std::unique_ptr<Receiver> (*make_receiver)(const std::string& address, std::uint64_t max_bytes);
};

// All transports, Limelight's first. address: a prefix for names; for transports that use a file, a
// path in a folder that only this user can access.
const std::vector<Transport>& transports();

}  // namespace limelight::bench
