// `limelight bench profiler`: what recording costs, how fast and how small traces are written, how
// long stop takes, and what the pipeline feels.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>

#include "bench/report.hpp"

namespace limelight::bench {

struct ProfilerOptions {
  bool quick = false;            // fewer events, sessions and pairs: below 50 s
  std::filesystem::path config;  // of the pipeline for `overhead`
};

// span: ns a recorded span, beside the floor of two clock readings and one 32-byte store. span_off:
// ns while nothing is recorded. write_rate: M events a second of the writing thread's CPU time,
// formatting and compressing, beside compressors alone on the same text; bytes_per_event:
// compressed, beside the same. stop: ms until the file of a million events is whole and synced,
// p99. stall: the longest pause of a working thread during a stop, p99, beside as long a time
// without one. resident, growth_cpu, growth_stop: MiB at the peak, CPU time of the writing thread
// and ms of stop(), by number of events and of ranks. acknowledged: ms until 8 ranks have answered
// start_profile, p99. overhead, flight_overhead: per cent that profiling every stage, and the
// flight recorders alone, add to a request's time; the same processes serve requests with the one,
// the other and neither in turn. ci95: half the width of the confidence interval.
// overhead_accounted: per cent of one core that the traces themselves state for all ranks together.
// Beside overhead stands PyTorch's profiler on a transformer of the thinker's shape, where a
// python3 with torch is (LIMELIGHT_PYTHON names another one). Errors: those of sessions and of
// Omni.
Result<std::vector<Measurement>> bench_profiler(const ProfilerOptions& options);

}  // namespace limelight::bench
