// What goes into a pipeline and what comes out of it: shared by Omni and AsyncOmni.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "profiling/result.hpp"

namespace limelight {

struct EngineArgs {
  std::filesystem::path config;
  std::filesystem::path profile_dir = "traces";
  // A rank that does not answer for this long has failed, though its process is there (stopped, or
  // starved of memory).
  std::chrono::milliseconds rank_timeout{5000};
  // What each rank's flight recorder keeps, in fixed memory; 0: off.
  std::chrono::milliseconds flight_recorder{10'000};
  // A rank that fails, a request slower than this, and a queue that stays full for longer than this
  // have the flight recorders written to profile_dir, at most once in dump_interval. 0: none does.
  std::chrono::milliseconds slow_request{0}, full_queue{0};
  std::chrono::milliseconds dump_interval{30'000};
};

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

struct StageStats {
  int stage_id = 0;
  std::uint64_t num_tokens_out = 0;
  double stage_gen_time_ms = 0;  // in this request's steps
};
// The chunks of one request over one edge: sizes and times are sums over its chunks.
struct TransferStats {
  int from_stage = 0, to_stage = 0;
  std::uint64_t chunks = 0, size_bytes = 0;
  double tx_time_ms =
      0;  // from the wish for a loan to its publishing, the stage's writing included
  double in_flight_time_ms = 0;  // from publishing to taking
  double rx_decode_time_ms = 0;  // the consuming stage's reading
  double total_time_ms() const { return tx_time_ms + in_flight_time_ms + rx_decode_time_ms; }
};

// One request's output, or a part of it when it comes as a stream: then text and audio are what is
// new, and the rest counts once finished.
struct RequestOutput {
  std::string request_id, prompt;
  bool finished = false;
  Error error{ErrorCode::none, {}};
  std::string text;
  std::vector<float> audio;  // 24 kHz, -1 to 1
  double e2e_time_ms = 0;    // from submission, waiting for its turn included
  std::vector<StageStats> stages;
  std::vector<TransferStats> transfers;
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
