// `limelight bench ipc`: how long a tensor takes from one process to another, beside raw iceoryx,
// ZeroMQ and a UNIX socket.
//
// One-way: from before the producer asks for memory (or hands its buffer over) until all of it is
// at the consumer and its first bytes were read, in the one clock that both processes read. Each
// transport has its own pair of processes; they take turns, size by size and round by round, so
// that a noisy moment hits all.
#pragma once

#include <limelight/result.hpp>

#include "bench/report.hpp"

namespace limelight::bench {

struct IpcOptions {
  bool quick = false;  // fewer sizes and rounds: seconds, not half a minute
};

// "handoff": medians in us by bytes and by how the consumer waits (polling: it looks for the next
// message all the time; asleep: messages come a millisecond apart, and it must be woken);
// "handoff_p99" alike; "flat": the largest size beside 64 B. Errors: unavailable (no broker), io,
// timeout (a process of the bench did not answer).
Result<std::vector<Measurement>> bench_ipc(const IpcOptions& options);

}  // namespace limelight::bench
