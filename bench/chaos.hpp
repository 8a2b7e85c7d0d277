// `limelight bench chaos` kills the ranks of a pipeline at random while it serves requests, and
// checks that each request ends, with the output of a calm run or with an error that says why.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <vector>

#include "bench/report.hpp"

namespace limelight::bench {

struct ChaosOptions {
  bool quick = false;            // a tenth of the kills
  std::filesystem::path config;  // empty: a small pipeline of four replicas
  int kills = 200;
  int retries = 0;         // Supervision::max_retries
  std::uint64_t seed = 1;  // of the choice of ranks, moments and signals
};

// Returns these measurements:
//
//   name       unit        value
//   kills      1           ranks that were sent a signal: SIGKILL, or now and then SIGABRT, SIGSTOP
//   done       requests    with the output that the same request has in a calm run
//   failed     requests    with the error rank_failed
//   wrong      requests    with another output or error; 0 unless something is broken
//   rate       requests/s  of all that ended well; the peer is the calm run
//   restart    ms          from a signal until the replica serves again, median and 99th percentile
//   memory     KiB         by which the orchestrator's own memory grew
//   left       files       that stay in shared memory after the end
//
// Errors: those of starting the pipeline.
Result<std::vector<Measurement>> bench_chaos(const ChaosOptions& options);

}  // namespace limelight::bench
