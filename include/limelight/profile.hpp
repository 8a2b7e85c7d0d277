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

// The ranks of the chosen stages to profile, the part of their work, and the time. The defaults
// record everything from now on, until stop_profile().
struct ProfileOptions {
  std::vector<int> ranks = {};  // empty: all
  // Starting a run that is running already changes nothing. Starting another run while one is
  // running fails with the error busy.
  std::string run_id = {};
  std::string request_id = {};  // record the work for this request only, in every stage
  // The time of CLOCK_REALTIME at which all ranks start; 0: now. A time that has passed fails with
  // the error late.
  std::int64_t start_at_ns = 0;
  // Each rank ends its trace by itself after so many; 0: no limit. stop_profile() is still needed.
  std::uint64_t steps = 0, milliseconds = 0, bytes = 0;
  std::string prefix = {};         // the beginning of the file names
  std::string format = "json.gz";  // or json.zst
  std::string activities = {};     // some of cpu,ipc,actors,collectives,gpu; empty: all
  // Also trace this process: requests in its queue, and their outputs.
  bool orchestrator = false;
};

// The trace of one rank. start_profile() returns where it will be written; stop_profile() returns
// the finished file and its counts. If some ranks failed, the result still lists all ranks; `error`
// marks those that failed.
struct RankTrace {
  int rank = 0, stage_id = 0;
  std::string note = {};  // such as "was already running", or the text of `error`
  std::filesystem::path file = {};
  std::uint64_t events = 0, drops = 0, bytes = 0;
  std::int64_t begin_skew_ns = 0;  // actual start minus requested start
  double overhead_percent = 0;     // CPU time of the profiler, in per cent of one core
  Error error{ErrorCode::none, {}};
};

}  // namespace limelight
