// `limelight bench profiler` measures the cost of recording, the speed and size of traces, the time
// of stop, and the effect on a pipeline.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>

#include "bench/report.hpp"

namespace limelight::bench {

struct ProfilerOptions {
  bool quick = false;            // fewer events, sessions and pairs: less than 50 s
  std::filesystem::path config;  // the pipeline for `overhead`
  bool instructions = false;     // count them, too: ranks under callgrind take many minutes
};

// Returns these measurements. CPU: the CPU time of the writing thread.
//
//   name                unit        value; peer
//   span                ns          one recorded span; two clock readings and one 32-byte
//                                   store, and LTTng-UST
//   span_off            ns          one span while nothing is recorded
//   write_rate          M/s         events formatted and compressed per second of CPU;
//                                   compressors alone
//   bytes_per_event     B           compressed; compressors alone on the same text
//   stop                ms          from stop until a file of a million events is synced, p99
//   stall               ms          longest pause of a working thread during a stop, p99; the same
//                                   time without a stop
//   resident            MiB         peak memory, by number of events and of ranks
//   growth_cpu          ns/event    CPU, by number of events and of ranks
//   growth_stop         ms          stop, by number of events and of ranks
//   acknowledged, ..._p50   ms      until 8 ranks have answered start_profile, p99 and median:
//                                   one after the other, 10 ms after the last, while another
//                                   process computes; an echo over TCP to 8 processes in the same
//                                   state, and one whose processes start a session for it
//   overhead            %           added to a request's time by profiling every stage; PyTorch's
//                                   profiler on a transformer of the thinker's shape
//   flight_overhead     %           added to a request's time by the flight recorders alone
//   memory_overhead     %           added to a request that is profiled by with_memory
//   stack_overhead      %           the same by with_stack
//   instructions        %           that profiling adds to a request's (detail: step, block, op),
//                                   counted by callgrind in each rank; added: their number, events:
//                                   those of a request. Where asked for, and valgrind is there
//   overhead_accounted  %           of one core, as the traces state it for all ranks together
//
// The overheads compare requests in the same processes, with and without recording in turn; ci95 is
// half the width of the confidence interval. PyTorch is measured if a python3 with torch exists
// (LIMELIGHT_PYTHON names one). Errors: those of sessions and of Omni.
Result<std::vector<Measurement>> bench_profiler(const ProfilerOptions& options);

}  // namespace limelight::bench
