// Omni: a pipeline of stages in processes of their own, behind plain function calls.
//
//   auto omni = Omni::from_engine_args({.config = "omni_tiny.yaml"});
//   (*omni)->start_profile({0, 2});
//   auto outputs = (*omni)->generate({"Hello"});
//   (*omni)->stop_profile();
//
// generate() blocks; cancel() and the profile calls may come from other threads meanwhile. The
// destructor ends all processes and gives all shared memory back. For requests that come one by
// one, see AsyncOmni.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limelight/config.hpp>
#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace limelight {

namespace actors {
class Engine;
}

struct Progress {
  std::size_t done = 0, total = 0;
  std::uint64_t text_bytes = 0, audio_samples = 0;
  std::string fresh_text = {};  // since the last call, when there is one prompt
};

class Omni {
 public:
  // Starts broker and ranks, and returns when all have joined. Errors: those of the config,
  // rank_failed, unavailable.
  static Result<std::unique_ptr<Omni>> from_engine_args(const EngineArgs& args);
  ~Omni();

  // No stage: all. Errors: invalid_argument (a stage or rank that is not there: lists those that
  // are), busy (another run is profiled), late, io, rank_failed.
  Result<std::vector<RankTrace>> start_profile(const StageIds& stages = {},
                                               const ProfileOptions& options = {});
  // Answers when every file is whole.
  Result<std::vector<RankTrace>> stop_profile();
  // What the flight recorders of all ranks keep of the last time, as traces named flight-... .
  // Errors: unavailable (they are off), io, rank_failed.
  Result<std::vector<RankTrace>> dump_profile(
      std::chrono::milliseconds last = std::chrono::seconds(10));

  // Switches the flight recorders of all ranks; 0: off. What they kept is gone. Errors:
  // rank_failed.
  Result<void> set_flight_recorder(std::chrono::milliseconds keep);

  // One output for each prompt, in order; a failed request carries its error. sampling_params
  // replaces the first stage's defaults.
  std::vector<RequestOutput> generate(
      const std::vector<std::string>& prompts,
      const std::optional<stages::SamplingParams>& sampling_params = {},
      const std::function<void(const Progress&)>& on_progress = {});
  // Ends everything that runs with the error cancelled. Async-signal-unsafe; callable from any
  // thread.
  void cancel(const std::string& why);

  const stages::PipelineConfig& config() const;
  int rank_pid(int rank) const;

 private:
  explicit Omni(std::unique_ptr<actors::Engine> engine);
  std::unique_ptr<actors::Engine> engine_;
};

}  // namespace limelight
