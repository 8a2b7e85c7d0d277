// What a profile is asked for with, and what it answers: shared by Omni and AsyncOmni.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <utility>
#include <vector>

namespace limelight {

// Which stages a call is about: `{0, 2}`, a vector, or nothing for all. A type of its own because
// g++ 12 refuses an initializer list in a co_await expression.
struct StageIds {
  std::vector<int> ids;
  template <std::convertible_to<int>... Id>
  StageIds(Id... id) : ids{static_cast<int>(id)...} {}
  StageIds(std::vector<int> list) : ids(std::move(list)) {}
};

// What a profile records. This struct itself goes from the caller through the messages to the
// session of each rank. The default: everything, from now to stop_profile(). A new option is a line
// here and in inspect() below, its use in profiling/capture/session.cpp, and a flag in
// cli/main.cpp.
struct ProfileOptions {
  std::vector<int> ranks = {};  // of the chosen stages; empty: all
  // Starting the same run again is harmless; another one meanwhile is refused as busy.
  std::string run_id = {};
  std::string request_id = {};  // only the work for this request, through every stage; empty: all
  // CLOCK_REALTIME; 0: now. What began before is left out, so that ranks that are told the same
  // time begin together. One that has passed is refused as late.
  std::int64_t start_at_ns = 0;
  // Each rank ends its recording by itself after that many; 0: no limit. stop_profile() answers
  // all the same. The size of the file is met approximately: the unfinished member is completed.
  std::uint64_t steps = 0, milliseconds = 0, bytes = 0;
  std::string prefix = {};         // of the files' names; [A-Za-z0-9_-]
  std::string format = "json.gz";  // or json.zst
  std::string activities = {};     // some of cpu,ipc,actors,collectives,gpu; empty: all
  // One more trace, of the orchestrator's process: requests as they wait and come back.
  bool orchestrator = false;
};
template <class Inspector>
auto inspect(Inspector& f, ProfileOptions& x) {
  return f(x.ranks, x.run_id, x.request_id, x.start_at_ns, x.steps, x.milliseconds, x.bytes,
           x.prefix, x.format, x.activities, x.orchestrator);
}

// One row of the table that users know from PyTorch: times in nanoseconds.
struct OpTotal {
  std::string name;
  std::uint64_t calls = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t self_ns = 0;  // total less what ran inside it on the same thread
};
template <class Inspector>
auto inspect(Inspector& f, OpTotal& x) {
  return f(x.name, x.calls, x.total_ns, x.self_ns);
}

// The trace of one rank. start_profile() answers with the file to be; stop_profile() with the file
// and what is in it. Where some ranks failed, the others' traces are there all the same, and
// `error` tells which ones failed.
struct RankTrace {
  int rank = 0;
  int stage_id = 0;  // -1: the orchestrator
  Error error = {ErrorCode::none, {}};
  std::string note = {};  // such as "was already running"
  std::filesystem::path file = {};
  std::uint64_t events = 0, bytes = 0;  // in the file, and its size
  std::uint64_t drops = 0;              // events lost, of all causes
  std::uint64_t ring_drops = 0;         // because a thread's ring was full
  // Of the device's activity: lost by CUPTI, without a time, and of a kind that is not understood.
  std::uint64_t device_drops = 0, zero_time_records = 0, unknown_records = 0;
  // Launches and device work whose other end is not in the trace.
  std::uint64_t unmatched_correlations = 0;
  std::int64_t clock_error_ns = 0;  // of the trace's clock against CLOCK_REALTIME at the end
  // How far from start_at_ns recording began; without one, the error of the clock at the beginning.
  std::int64_t begin_skew_ns = 0;
  std::uint64_t session_ns = 0;       // how long it recorded
  std::uint64_t profiler_cpu_ns = 0;  // CPU time of the thread that writes
  double span_ns = 0;                 // what one span costs its thread, measured at the start
  std::string gpu = "no device";  // what became of the device's activity: "recorded", or why not
  std::vector<OpTotal> ops = {};  // largest self time first

  // CPU time of recording and writing in per cent of the session's length: a whole core is 100.
  double overhead_percent() const {
    return session_ns == 0 ? 0
                           : 100 *
                                 (static_cast<double>(profiler_cpu_ns) +
                                  span_ns * static_cast<double>(events)) /
                                 static_cast<double>(session_ns);
  }
};
template <class Inspector>
auto inspect(Inspector& f, RankTrace& x) {
  // Messages carry the path as a text. It was read, if this is one that arrives.
  struct Text {
    ~Text() { path = text; }
    std::filesystem::path& path;
    std::string text = path.string();
  } file{x.file};
  return f(x.rank, x.stage_id, x.error, x.note, file.text, x.events, x.bytes, x.drops, x.ring_drops,
           x.device_drops, x.zero_time_records, x.unknown_records, x.unmatched_correlations,
           x.clock_error_ns, x.begin_skew_ns, x.session_ns, x.profiler_cpu_ns, x.span_ns, x.gpu,
           x.ops);
}

}  // namespace limelight
