// `limelight bench profiler`: what recording costs, how fast and how small traces are written, how long stop takes, and what the pipeline feels.
#pragma once

#include <filesystem>

#include "bench/report.hpp"
#include "profiling/result.hpp"

namespace limelight::bench {

struct ProfilerOptions {
  bool quick = false;            // fewer events, sessions and pairs: below 50 s
  std::filesystem::path config;  // of the pipeline for `overhead`
};

// span: ns a recorded span, beside the floor of two clock readings and one 32-byte store. span_off: ns while nothing is recorded. write_rate: M events a
// second of the writing thread's CPU time, beside zlib's level 1 on the same text alone. bytes_per_event: compressed, beside the same. stop: ms until
// the file of a million events is whole and synced, p99. resident: MiB that a long session adds to the process at its peak, by number of events.
// overhead: per cent that profiling every stage adds to a request's time, pairs of requests with and without in turn. flight_overhead: per cent that the
// flight recorder, which is always on, adds to a pipeline without it.
// Errors: those of sessions and of Omni.
Result<std::vector<Measurement>> bench_profiler(const ProfilerOptions& options);

}  // namespace limelight::bench
