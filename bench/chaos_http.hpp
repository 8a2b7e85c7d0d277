// `limelight bench chaos --http` runs `limelight serve` under load and hurts it: ranks are killed
// and stopped, the broker and the service are stopped and killed, clients leave and read slowly,
// queues and the disk under the traces get full, and profiles are started and stopped all the
// while. It checks what was promised:
//
//   - each request that was accepted ends exactly once, in an answer or in a typed error;
//   - each answer is that of a calm run;
//   - /health answers throughout;
//   - each trace is valid, or `limelight trace recover` makes it so;
//   - nothing is left over: memory, descriptors, threads, processes, files in /dev/shm.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <vector>

#include "bench/report.hpp"

namespace limelight::bench {

struct ChaosHttpOptions {
  std::filesystem::path config = {};  // empty: that of the other chaos
  double seconds = 60;                // of faults; starts, ends and checks come on top
  int streams = 50;                   // clients, each with one request open
  std::uint64_t seed = 1;             // of faults, moments and manners
};

// The service lives three times: the first life ends with the loss of its broker, the second with
// kill -9 of the service, the third in peace. Returns these measurements:
//
//   name       unit        value
//   faults     1           by kind
//   requests   1           by end: done, failed, refused (429), left (by their clients), cut (the
//                          service was killed)
//   health     ms          the slowest answer
//   traces     1           valid, recovered, empty (killed before anything was written)
//   memory     KiB         by which the service's own memory grew, the most of the lives
//   broken     1           promises; 0 unless something is broken. Each is said on standard error,
//                          and the folder with the log is kept
//
// The disk gets full where this process may mount a file system of its own, and the broker is lost
// where no other pipeline uses it; where not, standard error says so. Errors: those of the start.
Result<std::vector<Measurement>> bench_chaos_http(const ChaosHttpOptions& options);

}  // namespace limelight::bench
