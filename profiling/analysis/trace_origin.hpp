// Says whose trace a file is: the program that wrote it, and which rank, stage and session of a run
// it shows. It is told from the keys before the events, else from the names of the file and of its
// folder. All functions may be called from any thread.
//
//   rank     distributedInfo.rank; `rank3`, `rank-3`, `rank_3`, SGLang's `-TP-3` in the name
//   stage    `stage2-code2wav`, `stage_2` in the name or in the folder's, as vLLM-Omni has it
//   session  limelight.session; what stands before `-rank-` in our names, before `-TP-` in
//            SGLang's, before `_stage` in vLLM-Omni's folders
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace limelight::profiling {

// Top-level keys of a trace, and their values as they are in the file.
using TraceKeys = std::map<std::string, std::string, std::less<>>;

struct TraceOrigin {
  bool limelight = false;  // we wrote it, or its events came from a file of ours
  bool merged = false;     // it has several ranks, so it is no rank's
  std::string program;     // such as "Limelight", "PyTorch", "viztracer"; empty: unknown
  std::optional<int> rank;
  std::string stage;    // such as "2 code2wav"; empty: unknown
  std::string session;  // empty: unknown
  // Nanoseconds since 1970 at which the file's times begin, if it says so.
  std::optional<std::int64_t> base_ns;
  std::string backend;             // of its collectives, such as "nccl"
  std::string groups_json = "[]";  // distributedInfo.pg_config
};

TraceOrigin origin_of(const TraceKeys& keys, const std::filesystem::path& file);

// The session that a trace of ours names after its events; empty if it does not.
std::string session_of_own(const TraceKeys& keys);

}  // namespace limelight::profiling
