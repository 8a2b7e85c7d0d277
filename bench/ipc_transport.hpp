// The ways from one process to another that `limelight bench ipc` compares. Each end is made and
// used in one process, by one thread.
//
// A message is a stamp and the rest of `bytes`. Transports that share memory write the stamp alone:
// their payload would be computed in place. Transports that copy send a buffer that is there
// already: the copy is what they cost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::bench {

struct Stamp {
  std::uint64_t sequence = 0;
  std::uint64_t begin_ticks = 0;  // before the transport was asked for anything
};

class Sender {
 public:
  virtual ~Sender() = default;
  // Sets begin_ticks and hands the message over. False: the transport failed.
  virtual bool send(std::uint64_t sequence, std::uint64_t bytes) = 0;
  virtual bool connected() const { return true; }
  // Uses other memory from now on, if it can choose: where a cache line lies decides over a fifth
  // of a hand-off between two cores.
  virtual void move(std::uint64_t /*bytes*/) {}
};
class Receiver {
 public:
  virtual ~Receiver() = default;
  // Waits for the next message, by polling or asleep, until all of it is there and the stamp was
  // read. end_ticks: when that was. False: failed, or nothing came within seconds. What was taken
  // is given back before it returns.
  virtual bool receive(bool polling, Stamp& stamp, std::uint64_t& end_ticks) = 0;
  virtual bool connected() const { return true; }
};

// Chunks that a sender keeps back, so that move() finds others; large ones are dear.
constexpr std::size_t spare_chunks(std::uint64_t bytes) {
  return bytes > (std::uint64_t{16} << 20) ? 1 : 3;
}

struct Transport {
  std::string name;  // "limelight", "iceoryx", "zeromq" or "socket"
  std::unique_ptr<Sender> (*make_sender)(const std::string& address, std::uint64_t max_bytes);
  std::unique_ptr<Receiver> (*make_receiver)(const std::string& address, std::uint64_t max_bytes);
};

// Limelight first. address: a prefix for names and, for those with a file, a path in a folder of
// the user's own.
const std::vector<Transport>& transports();

}  // namespace limelight::bench
