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

// Which ranks of the chosen stages to profile, what of their work, and for how long: everything
// from now on, unless it says otherwise.
struct ProfileOptions {
  std::vector<int> ranks = {};  // empty: all
  std::string run_id =
      {};  // starting the same run again is harmless; another one meanwhile is busy
  std::string request_id = {};  // only this request's work, through every stage
  std::int64_t start_at_ns =
      0;  // CLOCK_REALTIME, for all ranks alike; 0: now. One that has passed is late
  std::uint64_t steps = 0, milliseconds = 0,
                bytes = 0;  // each rank ends by itself after that many; stop_profile still answers
  std::string prefix = {};  // of the files' names
  std::string format = "json.gz";  // or json.zst
  std::string activities = {};     // some of cpu,ipc,actors,collectives,gpu; empty: all
  bool orchestrator =
      false;  // one more trace, of this process: requests as they wait and come back
};

// The trace of one rank: of start_profile its file to be, of stop_profile the file and what is in
// it. Where some ranks failed, the others' traces are there all the same, and `error` tells which.
struct RankTrace {
  int rank = 0, stage_id = 0;
  std::string note = {};  // such as "was already running"; of a rank that failed, its error's text
  std::filesystem::path file = {};
  std::uint64_t events = 0, drops = 0, bytes = 0;
  std::int64_t begin_skew_ns = 0;  // how far from the asked time it began
  double overhead_percent = 0;     // of one core, as the profiler measured it
  Error error{ErrorCode::none, {}};
};

}  // namespace limelight
