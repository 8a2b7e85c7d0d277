// Omni: a pipeline of stages in processes of their own, behind plain function calls.
//
//   auto omni = Omni::from_engine_args({.config = "omni_tiny.yaml"});
//   (*omni)->start_profile({0, 2});
//   auto outputs = (*omni)->generate({"Hello"});
//   (*omni)->stop_profile();
//
// generate() blocks; cancel() and the profile calls may come from other threads meanwhile. The destructor ends all processes and gives all
// shared memory back. One generate() at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiling/result.hpp"
#include "stages/config.hpp"

namespace limelight {

struct EngineArgs {
  std::filesystem::path config;
  std::filesystem::path profile_dir = "traces";
};

struct StageStats {
  int stage_id = 0;
  std::uint64_t num_tokens_out = 0;
  double stage_gen_time_ms = 0;
};
// The chunks of one request over one edge: sizes and times are sums.
struct TransferStats {
  int from_stage = 0, to_stage = 0;
  std::uint64_t chunks = 0, size_bytes = 0;
  double in_flight_time_ms = 0, rx_decode_time_ms = 0;
};
struct RequestOutput {
  std::string request_id, prompt;
  Error error{ErrorCode::none, {}};
  std::string text;
  std::vector<float> audio;  // 24 kHz, -1 to 1
  double e2e_time_ms = 0;
  std::vector<StageStats> stages;
  std::vector<TransferStats> transfers;
};
struct RankTrace {
  int rank = 0, stage_id = 0;
  std::string note;
  std::filesystem::path file;
  std::uint64_t events = 0, drops = 0, bytes = 0;
};
struct Progress {
  std::size_t done = 0, total = 0;
  std::uint64_t text_bytes = 0, audio_samples = 0;
};

class Omni {
 public:
  // Starts broker and ranks, and returns when all have joined. Errors: those of the config, rank_failed, unavailable.
  static Result<std::unique_ptr<Omni>> from_engine_args(const EngineArgs& args);
  ~Omni();

  // Empty: all stages. Errors: invalid_argument (a stage that is not there: lists those that are), io, rank_failed.
  Result<std::vector<RankTrace>> start_profile(const std::vector<int>& stages = {});
  // Answers when every file is whole.
  Result<std::vector<RankTrace>> stop_profile();

  // One output for each prompt, in order; a failed request carries its error. sampling_params replaces the first stage's defaults.
  std::vector<RequestOutput> generate(const std::vector<std::string>& prompts, const std::optional<stages::SamplingParams>& sampling_params = {},
                                      const std::function<void(const Progress&)>& on_progress = {});
  // Ends everything that runs with the error cancelled. Async-signal-unsafe; callable from any thread.
  void cancel(const std::string& why);

  const stages::PipelineConfig& config() const;
  int rank_pid(int rank) const;

 private:
  struct State;
  explicit Omni(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// 16-bit PCM, mono. Errors: io.
Result<void> write_wav(const std::filesystem::path& path, const std::vector<float>& samples, int sample_rate = 24000);
// The table of stages, transfers and totals.
std::string statistics_table(const std::vector<RequestOutput>& outputs, double wall_ms);

}  // namespace limelight
