// The engine: one running pipeline. Owns broker use, ranks, actors and open requests; Omni and
// AsyncOmni are thin skins over it.
//
// All functions may be called from any thread. Requests beyond what the config admits at once
// (max_inflight) wait in order; of those that are admitted, each rank chooses which are in a step.
// Updates of one request come in order, the last one has `finished` set, and every submitted
// request gets that one, whatever happens.
#pragma once

#include <functional>
#include <limelight/config.hpp>
#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace limelight::actors {

class Engine {
 public:
  // Called with the engine's lock held: put the update away, call nothing of the engine.
  using OnUpdate = std::function<void(RequestOutput update)>;
  using OnTraces = std::function<void(Result<std::vector<RankTrace>>)>;

  // Starts broker and ranks, and returns when all have joined. Errors: those of the config,
  // rank_failed, unavailable, timeout.
  static Result<std::unique_ptr<Engine>> start(const EngineArgs& args);
  // Ends what is open as cancelled, then all processes.
  ~Engine();

  // Returns the request's ticket. Without a request_id its place among all submissions is its id.
  // index: see RequestOutput. A request that asks for several answers is refused: whoever submits
  // it submits each answer.
  std::uint64_t submit(GenerateRequest request, OnUpdate on_update, int index = 0);
  // The parameters of a request that brings none, without max_tokens, which the stage chooses.
  stages::SamplingParams default_sampling() const;
  // Ends one request as cancelled, unless it is over.
  void abort(std::uint64_t ticket, const std::string& why);
  // Ends everything, now and later, with this error. The first one counts.
  void fail(Error error);
  // Later requests are refused. Returns when the open ones are over; those that are not within the
  // time end as cancelled. Errors: timeout (some were cancelled, with their number).
  Result<void> drain(std::chrono::milliseconds deadline);
  PipelineStatus status() const;

  // Errors: invalid_argument (a stage that is not there: lists those that are), rank_failed,
  // timeout. The callback runs on an actor's thread.
  void start_profile(const StageIds& stages, const ProfileOptions& options, OnTraces done);
  // Of these stages; of all, where none is named.
  void stop_profile(const StageIds& stages, OnTraces done);
  // Errors: unavailable (the flight recorders are off), as above.
  void dump_profile(std::chrono::milliseconds last, OnTraces done);
  void set_flight_recorder(std::chrono::milliseconds keep, OnTraces done);

  const stages::PipelineConfig& config() const;
  int rank_pid(int rank) const;

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::actors
