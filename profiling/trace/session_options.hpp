// The options of a session: the profile that was asked for, and the process that is traced. The
// report of a session is RankTrace, in <limelight/profile.hpp>. Plain values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/profile.hpp>
#include <limelight/result.hpp>
#include <limelight/span.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "profiling/record/device_activity.hpp"

namespace limelight::profiling {

class MemorySampler;

// All kinds of Activity but memory, which has an option of its own. A session records a set of
// them; users write it as words, such as "cpu,ipc".
constexpr unsigned all_activities = 31;
// Parses such words; empty: all. Errors: invalid_argument (lists the known words).
Result<unsigned> parse_activities(std::string_view words);
// What ProfileOptions::detail records of the activities cpu, small_operation and block.
unsigned kinds_of_detail(std::string_view detail);

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
  int stage_id = 0;                   // -1: none (the orchestrator)
  int replica = 0, num_replicas = 1;  // of the stage
  std::string stage_name;             // such as "thinker"
  std::int64_t base_ns = 0;           // baseTimeNanoseconds, shared by all ranks of a run
  // Reports the activity of the device that this rank computes on; nullptr: there is none. It must
  // outlive the session.
  ActivitySource* source = nullptr;
  // Of this process's memory; nullptr: with_memory records nothing. It must outlive the session.
  MemorySampler* memory = nullptr;
  std::vector<DeviceProperties> devices{};  // as stated in the trace
  ProfileOptions profile{};                 // what is recorded; ranks and run_id are ignored
  int pid = 0;                              // of the traced process; 0: this one
  std::string backend = "shm";              // of this rank's collectives: "nccl" between GPUs
  std::vector<ProcessGroup> groups{};       // those that this rank belongs to
  // What the machine can do at most, or why that is not known: the value of `limelight_peak` in the
  // trace, {"gflops": 1.0, "gb_per_s": 1.0, "threads": 2, ...} or {"not_measured": "why"}. Empty:
  // not there.
  std::string peak_json{};
};

// Whether a profile can be recorded as it is asked for. Errors: invalid_argument (prefix, format,
// activities, numbers out of their range, what is not recorded), late (start_at_ns has passed).
Result<void> check_profile(const ProfileOptions& profile);

// The beginning of the names of a session's files: the time in milliseconds. No two calls of a
// process return the same.
std::string session_timestamp();

// Text as a part of a file's name: whatever is not in [A-Za-z0-9._-] becomes a minus.
std::string plain_name(std::string_view text);

// The folder that a user names for traces: ~ is the home folder. Errors: invalid_argument (the URI
// of a store, or another user's home; says what to do).
Result<std::filesystem::path> trace_folder(const std::filesystem::path& asked);

// Makes the folder of the options, and finds out whether the trace of the session can be written
// there: a session should fail when it starts, not when it ends. Errors: invalid_argument (the
// folder, as above, or a name that is too long), io.
Result<void> prepare_folder(SessionOptions& options);

// `[<prefix>-]<timestamp>-rank-<rank>.<hostname>_<pid>_stage<id>-<name>.pt.trace.<format>`
std::string trace_file_name(const SessionOptions& options);

}  // namespace limelight::profiling
