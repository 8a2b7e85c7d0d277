// What a session is started with: the profile that was asked for, and whose trace it is. What it
// reports at its end is RankTrace of <limelight/profile.hpp>.
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

// All of Activity; what is recorded is a set of them, written as words such as "cpu,ipc".
constexpr unsigned all_activities = 31;
// Empty: all. Errors: invalid_argument, with the words that there are.
Result<unsigned> parse_activities(std::string_view words);

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
  ProfileOptions profile{};                 // what is recorded; ranks, run_id: not looked at
  int pid = 0;                              // whose trace it is; 0: of this process
  std::string backend = "shm";  // by what this rank does its collectives: "nccl" between GPUs
  std::vector<ProcessGroup> groups{};  // that this rank is in
};

// `[<prefix>-]<timestamp>-rank-<rank>.<hostname>_<pid>_stage<id>-<name>.pt.trace.<format>`
std::string trace_file_name(const SessionOptions& options);

}  // namespace limelight::profiling
