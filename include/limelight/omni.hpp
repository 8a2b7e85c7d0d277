// Omni runs a pipeline whose stages are processes of their own, behind plain function calls.
//
//   auto omni = Omni::from_engine_args({.config = "omni_tiny.yaml"});
//   (*omni)->start_profile({0, 2});
//   auto outputs = (*omni)->generate({"Hello"});
//   (*omni)->stop_profile();
//
// generate() blocks. Meanwhile other threads may call cancel() and the profile functions. The
// destructor ends all processes and frees all shared memory. For requests that arrive one by one,
// use AsyncOmni.
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
  std::uint64_t text_bytes = 0;
  double audio_seconds = 0;
  std::string fresh_text = {};  // new since the last call; only if there is one answer
};

class Omni {
 public:
  // Starts the broker and the ranks, and returns when all ranks have joined. Errors: those of the
  // config, rank_failed, unavailable.
  static Result<std::unique_ptr<Omni>> from_engine_args(const EngineArgs& args);
  ~Omni();

  // Starts a trace in each rank of `stages` (none: of all stages). Errors: invalid_argument
  // (unknown stage or rank; the text lists those that exist), busy (another profile runs), late
  // (the requested start has passed), io, rank_failed.
  Result<std::vector<RankTrace>> start_profile(const StageIds& stages = {},
                                               const ProfileOptions& options = {});
  // Stops the traces of `stages` (none: of all stages) and returns when every file is complete. The
  // others go on. Errors: invalid_argument (unknown stage), rank_failed.
  Result<std::vector<RankTrace>> stop_profile(const StageIds& stages = {});
  // Writes what the flight recorders of all ranks kept of the last `last` milliseconds to traces
  // named flight-... . Errors: unavailable (the recorders are off), io, rank_failed.
  Result<std::vector<RankTrace>> dump_profile(
      std::chrono::milliseconds last = std::chrono::seconds(10));

  // Switches the flight recorders of all ranks on, to keep this much time, or off (0). Earlier
  // records are lost. Errors: rank_failed.
  Result<void> set_flight_recorder(std::chrono::milliseconds keep);

  // Returns the output of each prompt, in order; with n answers to a prompt, n outputs. The output
  // of a request that failed carries its error. sampling_params replaces the defaults of the first
  // stage. on_progress is called on the calling thread.
  std::vector<RequestOutput> generate(
      const std::vector<std::string>& prompts,
      const std::optional<stages::SamplingParams>& sampling_params = {},
      const std::function<void(const Progress&)>& on_progress = {});
  // The same for requests that `next` brings one by one, until it brings none. At most `most_open`
  // answers are asked for at one time (0: twice as many as the pipeline works on), and each one
  // goes to on_output as soon as it is finished, so that memory is needed only for those. A request
  // that asks for n answers gives n outputs. All three are called on the calling thread;
  // Progress::total is the number of answers that were asked for so far.
  void generate_each(const std::function<std::optional<GenerateRequest>()>& next,
                     const std::function<void(RequestOutput)>& on_output,
                     const std::function<void(const Progress&)>& on_progress = {},
                     std::size_t most_open = 0);
  // Whether the pipeline can serve, and each of its replicas. May be called from any thread.
  PipelineStatus status() const;
  // Takes no more requests, and returns when those that are open are over. Those that are not
  // within the time end as cancelled. Errors: timeout (some were cancelled, with their number).
  Result<void> drain(std::chrono::milliseconds deadline);
  // Cancels all requests with the error cancelled, also those that come later. May be called from
  // any thread, but not from a signal handler.
  void cancel(const std::string& why);

  const stages::PipelineConfig& config() const;
  // The parameters of a request that brings none, to change some of them. Without max_tokens, which
  // is the config's, or what max_model_len leaves, if that is less.
  stages::SamplingParams default_sampling_params() const;
  int rank_pid(int rank) const;

 private:
  explicit Omni(std::unique_ptr<actors::Engine> engine);
  std::unique_ptr<actors::Engine> engine_;
};

}  // namespace limelight
