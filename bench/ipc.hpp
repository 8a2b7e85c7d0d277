// `limelight bench ipc` measures how long a tensor takes from one process to another. The peers are
// raw iceoryx, ZeroMQ and a UNIX socket.
//
// One-way time is measured, on the clock that both processes read. It begins before the producer
// asks for memory (or hands over its buffer), and ends when the consumer has the whole message and
// has read its first bytes. Each transport has its own pair of processes. The pairs take turns, by
// size and round, so that a disturbance of the machine affects all of them.
#pragma once

#include <limelight/result.hpp>

#include "bench/report.hpp"

namespace limelight::bench {

struct IpcOptions {
  bool quick = false;  // fewer sizes and rounds: seconds, not half a minute
};

// Returns these measurements:
//
//   name         value
//   handoff      median one-way time in us, by size and by how the consumer waits
//   handoff_p99  the same at the 99th percentile
//   flat         the median of the largest size, relative to that of 64 B
//
// How the consumer waits: "polling" looks for the next message all the time; "asleep" must be
// woken, because messages are a millisecond apart. Errors: unavailable (no broker), io, timeout (a
// process of the benchmark did not answer).
Result<std::vector<Measurement>> bench_ipc(const IpcOptions& options);

}  // namespace limelight::bench
