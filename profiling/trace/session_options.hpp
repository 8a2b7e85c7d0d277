// What a session is started with, and what it reports at its end.
//
// Plain values, shared by the session and the flight recorder that fill them, by the text that
// states them, and by the tools that read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <limelight/span.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "profiling/record/device_activity.hpp"

namespace limelight::profiling {

// All of Activity; what is recorded is a set of them, written as words such as "cpu,ipc".
constexpr unsigned all_activities = 31;
// Empty: all. Errors: invalid_argument, with the words that there are.
Result<unsigned> parse_activities(std::string_view words);

// What of a session is recorded. The default: everything, from now to stop().
struct SessionLimits {
  std::int64_t start_at_ns = 0;    // CLOCK_REALTIME; 0: now. What began before is left out, so that
                                   // ranks that are told the same time begin together
  std::uint64_t steps = 0;         // ends after that many steps; 0: no limit, as for the next two
  std::uint64_t milliseconds = 0;  // of recording
  std::uint64_t bytes = 0;         // of the file, about: what is under way is still written
  std::string request;             // only work for the request of this name; empty: all
  unsigned activities = all_activities;
};

// Ranks that do collectives together, as the trace's head states them.
struct ProcessGroup {
  std::string name;         // as the kernels of its collectives have it
  std::string description;  // such as "ranks of stage 1"
  std::string backend;      // such as "nccl"
  std::vector<int> ranks;   // numbers in the pipeline
};

struct SessionOptions {
  std::filesystem::path directory;
  std::string timestamp;  // first part of the file name, shared by all ranks of a run; only digits
  int rank = 0;           // unique over the pipeline
  int world_size = 1;
  int stage_id = 0;          // -1: none, as of the orchestrator
  std::string stage_name;    // such as "thinker"
  std::int64_t base_ns = 0;  // baseTimeNanoseconds, shared by all ranks of a run
  ActivitySource* source =
      nullptr;  // of the device that this rank computes on, if any; outlives the session
  std::vector<DeviceProperties> devices{};  // as stated in the trace
  std::string prefix{};                     // before the file's name; [A-Za-z0-9_-]
  SessionLimits limits{};
  std::string format = "json.gz";  // or "json.zst"
  int pid = 0;                     // whose trace it is; 0: of this process
  std::string backend = "shm";     // by what this rank does its collectives: "nccl" between GPUs
  std::vector<ProcessGroup> groups{};  // that this rank is in
};

// One row of the table that users know from PyTorch: times in nanoseconds.
struct OpTotal {
  std::string name;
  std::uint64_t calls = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t self_ns = 0;  // total less what ran inside it on the same thread
};

struct SessionReport {
  std::filesystem::path file;
  std::uint64_t events = 0;
  std::uint64_t drops = 0;          // of all causes
  std::uint64_t ring_drops = 0;     // records that found a ring full
  ActivityLosses losses;            // of the device's source
  std::uint64_t unmatched = 0;      // launches and device work whose other end is not in the trace
  std::uint64_t bytes = 0;          // size of the file
  std::int64_t clock_error_ns = 0;  // of the session's clock against CLOCK_REALTIME at the end
  std::uint64_t session_ns = 0;     // how long it recorded
  std::int64_t begin_skew_ns = 0;   // of its beginning against start_at_ns, or against the clock:
                                    // what the clocks' error makes of it
  std::uint64_t profiler_cpu_ns = 0;  // CPU time of the background thread
  double span_ns = 0;                 // what one span costs its thread, measured at the start
  std::string gpu = "no device";  // what became of the device's activity: "recorded", or why not
  std::string note;               // what else a reader should know
  std::vector<OpTotal> ops;       // largest self time first

  // CPU time that recording and writing took, in per cent of the session's length: a whole core is
  // 100.
  double overhead_percent() const {
    return session_ns == 0 ? 0
                           : 100 *
                                 (static_cast<double>(profiler_cpu_ns) +
                                  span_ns * static_cast<double>(events)) /
                                 static_cast<double>(session_ns);
  }
};

// `[<prefix>-]<timestamp>-rank-<rank>.<hostname>_<pid>_stage<id>-<name>.pt.trace.<format>`
std::string trace_file_name(const SessionOptions& options);

}  // namespace limelight::profiling
