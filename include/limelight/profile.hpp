// The options of a profile and its results. Omni and AsyncOmni share them.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <utility>
#include <vector>

namespace limelight {

// The stages that a call is for: `{0, 2}`, a vector, or nothing for all. It is a type of its own
// because g++ 12 rejects an initializer list in a co_await expression.
struct StageIds {
  std::vector<int> ids;
  template <std::convertible_to<int>... Id>
  StageIds(Id... id) : ids{static_cast<int>(id)...} {}
  StageIds(std::vector<int> list) : ids(std::move(list)) {}
};

// What a profile records. The default is everything, from now until stop_profile().
//
// This struct goes unchanged from the caller through the messages to the session of each rank. A
// new option needs a line here and in inspect() below, its use in profiling/capture/session.cpp,
// and a flag in cli/main.cpp.
struct ProfileOptions {
  std::vector<int> ranks = {};  // of the chosen stages; empty: all
  // Starting a run that is running already changes nothing. Starting another run while one is
  // running fails with the error busy.
  std::string run_id = {};
  std::string request_id = {};  // only work for this request, in every stage; empty: all
  // The time of CLOCK_REALTIME at which all ranks start; 0: now. Spans that began earlier are left
  // out, so ranks with the same start_at_ns start together. A time that has passed fails with the
  // error late.
  std::int64_t start_at_ns = 0;
  // Each rank ends its recording by itself after so many; 0: no limit. stop_profile() is still
  // needed. The file may be a little larger than `bytes`, because its last member is completed.
  std::uint64_t steps = 0, milliseconds = 0, bytes = 0;
  // Which steps a rank records, as vLLM's profiler_config says it: none of the first `delay_steps`
  // after the start; then, `repeat` times (0: until the stop), none of `wait_steps` and of
  // `warmup_steps`, and all of `active_steps` (0: until the stop). Each repeat has a file of its
  // own. `steps` counts all of them, after the delay.
  std::uint64_t delay_steps = 0, wait_steps = 0, warmup_steps = 0, active_steps = 0, repeat = 1;
  std::string prefix = {};         // the beginning of the file names; [A-Za-z0-9_-]
  std::string format = "json.gz";  // or json.zst, or pftrace: Perfetto's own format
  // Only steps in which some request computes a part of its prompt ("prefill"), or only the others
  // ("decode"), and what is in no step. Empty: all.
  std::string phase = {};
  std::string activities = {};  // some of cpu,ipc,actors,collectives,gpu; empty: all
  // How much of what a CPU's thread does: "op" has every operation; "block" one record for each
  // layer of a network, and in it the large operations (products, attention) alone; "step" only
  // steps, and what requests had of them. Hand-offs, waits, collectives and messages are in all.
  // Empty: as the stage's config says, else "op".
  std::string detail = {};
  // Also trace the orchestrator's process: requests in its queue, and their outputs.
  bool orchestrator = false;
  bool record_shapes = true;  // "Input Dims" of operations
  bool with_flops = false;    // "flops" of matrix products: a multiplication and an addition each
  // Memory over time as counters, and in the report what had most of it.
  bool with_memory = false;
  // Native call stacks of the threads that compute, up to a thousand in a second of CPU time.
  bool with_stack = false;
  // Spans are NVTX ranges, too, while the profile runs: for Nsight Systems and its like.
  bool nvtx = false;
};
template <class Inspector>
auto inspect(Inspector& f, ProfileOptions& x) {
  return f(x.ranks, x.run_id, x.request_id, x.start_at_ns, x.steps, x.milliseconds, x.bytes,
           x.delay_steps, x.wait_steps, x.warmup_steps, x.active_steps, x.repeat, x.prefix,
           x.format, x.phase, x.activities, x.detail, x.orchestrator, x.record_shapes, x.with_flops,
           x.with_memory, x.with_stack, x.nvtx);
}

// One row of the table of operations. Times are in nanoseconds.
struct OpTotal {
  std::string name;
  std::uint64_t calls = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t self_ns = 0;  // total without the spans inside, on the same thread
};
template <class Inspector>
auto inspect(Inspector& f, OpTotal& x) {
  return f(x.name, x.calls, x.total_ns, x.self_ns);
}

// What one purpose had of a rank's memory.
struct MemoryHolding {
  std::string name;  // such as "kv cache"
  std::uint64_t bytes = 0;
};
template <class Inspector>
auto inspect(Inspector& f, MemoryHolding& x) {
  return f(x.name, x.bytes);
}

// The most memory that a rank used while it was profiled with `with_memory`.
struct MemoryUse {
  bool recorded = false;           // false: all else is empty
  std::uint64_t peak_bytes = 0;    // of its tensors, and of the chunks that it filled or read
  std::uint64_t device_bytes = 0;  // of these, on a device
  std::vector<MemoryHolding> holders = {};              // of these, at that time, the largest first
  std::uint64_t peak_resident_bytes = 0;                // of the process, as the kernel counts it
  std::uint64_t kv_blocks = 0, peak_kv_blocks = 0;      // all, and the most in use
  std::uint64_t pool_chunks = 0, peak_pool_chunks = 0;  // of iceoryx's pools, by all processes
  std::string failed = {};  // the last allocation that failed: for what, and who had the rest
};
template <class Inspector>
auto inspect(Inspector& f, MemoryUse& x) {
  return f(x.recorded, x.peak_bytes, x.device_bytes, x.holders, x.peak_resident_bytes, x.kv_blocks,
           x.peak_kv_blocks, x.pool_chunks, x.peak_pool_chunks, x.failed);
}

// Allocations that failed while a rank was profiled, whatever the options.
struct AllocationFailures {
  std::uint64_t times = 0;
  std::string last = {};  // a sentence: for what it was, and who had the rest
  std::string file = {};  // a snapshot of each: sizes, holders and counters at that moment
};
template <class Inspector>
auto inspect(Inspector& f, AllocationFailures& x) {
  return f(x.times, x.last, x.file);
}

// The call stacks of a rank that was profiled with `with_stack`.
struct StackUse {
  std::uint64_t samples = 0, drops = 0;
  std::uint64_t handler_ns = 0;  // that the sampled threads spent for it
  std::string trigger = {};      // what interrupts them; empty: no stacks were asked for
  std::string file = {};         // the stacks as folded text
};
template <class Inspector>
auto inspect(Inspector& f, StackUse& x) {
  return f(x.samples, x.drops, x.handler_ns, x.trigger, x.file);
}

// The trace of one rank. start_profile() returns where it will be written; stop_profile() returns
// the finished file and its counts. If some ranks failed, the result still lists all ranks; `error`
// marks those that failed.
struct RankTrace {
  int rank = 0;
  int stage_id = 0;  // -1: the orchestrator
  int replica = 0;   // of the stage
  Error error = {ErrorCode::none, {}};
  std::string note = {};  // such as "was already running"
  std::filesystem::path file = {};
  std::uint64_t events = 0, bytes = 0;  // in the file, and its size
  std::uint64_t drops = 0;              // events lost, of all causes
  std::uint64_t ring_drops = 0;         // because a thread's ring was full
  // Device activity: records that CUPTI lost, that have no time, and of an unknown kind.
  std::uint64_t device_drops = 0, zero_time_records = 0, unknown_records = 0;
  // Device work whose launch is not in the trace.
  std::uint64_t unmatched_correlations = 0;
  std::int64_t clock_error_ns = 0;  // the trace's clock minus CLOCK_REALTIME, at the end
  // Actual start minus start_at_ns; without start_at_ns, the error of the clock at the start.
  std::int64_t begin_skew_ns = 0;
  std::uint64_t session_ns = 0;       // how long it recorded
  std::uint64_t profiler_cpu_ns = 0;  // CPU time of the writing thread
  double span_ns = 0;                 // what one span costs its thread, measured at the start
  std::string gpu = "no device";      // "recorded", or why device activity is missing
  std::string detail = {};            // ProfileOptions::detail; empty: not of a session
  std::string truncated = {};         // where the file ends early, and why: the disk was full
  // Of the repeats before that of `file`, oldest first; the numbers above are of `file` alone.
  // After a start: those of a session before, which had ended itself.
  std::vector<std::string> earlier_files = {};
  std::vector<OpTotal> ops = {};  // largest self time first
  MemoryUse memory = {};
  StackUse stacks = {};
  AllocationFailures failed_allocations = {};
  // The machine that the rank runs on, as the config names it, if it is not the orchestrator's:
  // `file` and the others are "<host>:<path>" then, and lie there. Empty: this machine.
  std::string host = {};
  // How its clock differed from the orchestrator's, and by how much that may be wrong. The times in
  // the trace are the orchestrator's: it was subtracted. Error -1: it is the same clock.
  std::int64_t host_clock_offset_ns = 0, host_clock_error_ns = -1;

  // The CPU time of recording and writing, in per cent of the session's length; 100 is one core.
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
  // A message carries the path as text. When a message is read, `text` has changed after f(), and
  // the destructor stores it in the path.
  struct Text {
    ~Text() { path = text; }
    std::filesystem::path& path;
    std::string text = path.string();
  } file{x.file};
  return f(x.rank, x.stage_id, x.replica, x.error, x.note, file.text, x.events, x.bytes, x.drops,
           x.ring_drops, x.device_drops, x.zero_time_records, x.unknown_records,
           x.unmatched_correlations, x.clock_error_ns, x.begin_skew_ns, x.session_ns,
           x.profiler_cpu_ns, x.span_ns, x.gpu, x.detail, x.truncated, x.earlier_files, x.ops,
           x.memory, x.stacks, x.failed_allocations, x.host, x.host_clock_offset_ns,
           x.host_clock_error_ns);
}

}  // namespace limelight
