// The options of a session and its report.
//
// They are plain values. The session and the flight recorder fill them, the text of the trace
// states them, and the trace tools read them.
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

// All kinds of Activity. A session records a set of them; users write it as words, such as
// "cpu,ipc".
constexpr unsigned all_activities = 31;
// Parses such words; empty: all. Errors: invalid_argument (lists the known words).
Result<unsigned> parse_activities(std::string_view words);

// The part of the work that a session records. The default is everything, from now until stop().
struct SessionLimits {
  // The time of CLOCK_REALTIME at which recording starts; 0: now. Spans that began earlier are left
  // out, so ranks with the same start_at_ns start together.
  std::int64_t start_at_ns = 0;
  // The session ends by itself after so many steps, milliseconds of recording, or (about) bytes of
  // the file, whichever comes first. 0: no limit.
  std::uint64_t steps = 0;
  std::uint64_t milliseconds = 0;
  std::uint64_t bytes = 0;
  std::string request;  // record only work for the request of this name; empty: all
  unsigned activities = all_activities;
};

// Ranks that take part in the same collectives, as the head of the trace states them.
struct ProcessGroup {
  std::string name;         // as in the args of the collectives' kernels
  std::string description;  // such as "ranks of stage 1"
  std::string backend;      // such as "nccl"
  std::vector<int> ranks;   // unique over the pipeline
};

struct SessionOptions {
  std::filesystem::path directory;
  std::string timestamp;  // first part of the file name, shared by all ranks of a run; only digits
  int rank = 0;           // unique over the pipeline
  int world_size = 1;
  int stage_id = 0;          // -1: none (the orchestrator)
  std::string stage_name;    // such as "thinker"
  std::int64_t base_ns = 0;  // baseTimeNanoseconds, shared by all ranks of a run
  // Reports the activity of the device that this rank computes on; nullptr: there is none. It must
  // outlive the session.
  ActivitySource* source = nullptr;
  std::vector<DeviceProperties> devices{};  // as stated in the trace
  std::string prefix{};                     // the beginning of the file name; [A-Za-z0-9_-]
  SessionLimits limits{};
  std::string format = "json.gz";      // or "json.zst"
  int pid = 0;                         // of the traced process; 0: this one
  std::string backend = "shm";         // of this rank's collectives: "nccl" between GPUs
  std::vector<ProcessGroup> groups{};  // those that this rank belongs to
};

// One row of the table of operations. Times are in nanoseconds.
struct OpTotal {
  std::string name;
  std::uint64_t calls = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t self_ns = 0;  // total without the spans inside, on the same thread
};

struct SessionReport {
  std::filesystem::path file;
  std::uint64_t events = 0;
  std::uint64_t drops = 0;          // of all causes
  std::uint64_t ring_drops = 0;     // because a ring was full
  ActivityLosses losses;            // records that the device's source lost
  std::uint64_t unmatched = 0;      // device work whose launch is not in the trace
  std::uint64_t bytes = 0;          // size of the file
  std::int64_t clock_error_ns = 0;  // the session's clock minus CLOCK_REALTIME, at the end
  std::uint64_t session_ns = 0;     // how long it recorded
  std::int64_t begin_skew_ns = 0;  // actual start minus requested start; without a requested start,
                                   // the error of the clock
  std::uint64_t profiler_cpu_ns = 0;  // CPU time of the background thread
  double span_ns = 0;                 // what one span costs its thread, measured at the start
  std::string gpu = "no device";      // "recorded", or why device activity is missing
  std::string note;                   // other information for the reader of the trace
  std::vector<OpTotal> ops;           // largest self time first

  // The CPU time of recording and writing, in per cent of the session's length; 100 is one core.
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
