// How far another machine's clock is from this one's, by questions and answers over a connection,
// as in PTP and NTP:
//
//   this machine   t1 ----->        -----> t4
//   the other           t2 -> t3             offset = ((t2 - t1) + (t3 - t4)) / 2
//                                            delay  =  (t4 - t1) - (t3 - t2)
//
// The offset cannot be wrong by more than half the delay, however uneven the two ways are. So of
// several samples the one with the least delay counts, and an old one counts less, for the clocks
// drift apart. One thread uses an object.
#pragma once

#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <vector>

#include "ipc/network/socket.hpp"

namespace limelight::ipc {

struct ClockSample {
  std::int64_t offset_ns = 0;  // the other clock minus this one
  std::int64_t delay_ns = 0;
  std::int64_t at_ns = 0;  // on this clock
};

// Nanoseconds since 1970. A test may have its own.
using ReadClock = std::function<std::int64_t()>;

// Asks so often. Errors: those of the connection, corrupt (an answer that cannot be).
Result<std::vector<ClockSample>> probe_clock(const Socket& socket,
                                             int times,
                                             const ReadClock& clock);
// Answers until the other side closes.
void answer_probes(const Socket& socket, const ReadClock& clock);

// The best of the last samples.
class ClockFilter {
 public:
  // More than the quartzes of two machines drift apart, in parts of a million.
  static constexpr std::int64_t drift_ppm = 100;

  struct Estimate {
    std::int64_t offset_ns = 0;
    std::int64_t error_ns = -1;  // the offset is wrong by this at most; -1: no sample
  };
  void add(const ClockSample& sample);
  Estimate at(std::int64_t now_ns) const;

 private:
  static constexpr std::size_t kept = 64;
  std::vector<ClockSample> samples_;  // the last ones
  std::size_t next_ = 0;
};

}  // namespace limelight::ipc
