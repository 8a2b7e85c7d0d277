// AsyncOmni: the calls of Omni as C++20 awaitables, for a service that has several requests in
// flight.
//
//   auto stream = omni.generate("Hello", {}, "request-1");
//   while (auto part = co_await stream.next()) std::cout << part->text;
//
// Any coroutine type can await them; Task (task.hpp) is one. A coroutine goes on on the one thread
// that AsyncOmni keeps for this, or wherever `resume_on` takes it, never under a lock of ours. On
// our thread it must not block: what it holds up are the other coroutines, not the ranks.
// Everything starts at the call, not at the await. All functions may be called from any thread,
// until the destructor begins.
#pragma once

#include <coroutine>
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

class AsyncOmni;
namespace actors {
struct StreamState;
struct TracesState;
}  // namespace actors

// The outputs of one request, as they come. Dropping it before its end gives the request up, in all
// stages.
class OutputStream {
 public:
  class Next {
   public:
    bool await_ready() const;
    bool await_suspend(std::coroutine_handle<> waiting);
    std::optional<RequestOutput> await_resume();

   private:
    friend class OutputStream;
    explicit Next(std::shared_ptr<actors::StreamState> state) : state_(std::move(state)) {}
    std::shared_ptr<actors::StreamState> state_;
  };

  // What has come since the last one; the last one has `finished` set, and after it comes nothing.
  // One await at a time.
  Next next() const { return Next(state_); }
  // Ends the request now; its last output then carries the error cancelled.
  void abort(const std::string& why);
  OutputStream(OutputStream&&) noexcept = default;
  OutputStream& operator=(OutputStream&&) = delete;
  ~OutputStream();

 private:
  friend class AsyncOmni;
  explicit OutputStream(std::shared_ptr<actors::StreamState> state) : state_(std::move(state)) {}
  std::shared_ptr<actors::StreamState> state_;
};

// The answer of start_profile, stop_profile or dump_profile. Await it once.
class PendingTraces {
 public:
  bool await_ready() const;
  bool await_suspend(std::coroutine_handle<> waiting);
  Result<std::vector<RankTrace>> await_resume();

 private:
  friend class AsyncOmni;
  explicit PendingTraces(std::shared_ptr<actors::TracesState> state) : state_(std::move(state)) {}
  std::shared_ptr<actors::TracesState> state_;
};

class AsyncOmni {
 public:
  using ResumeOn = std::function<void(std::coroutine_handle<>)>;

  // Blocks until all ranks have joined. resume_on: hands a coroutine to the executor of the
  // service; empty: our own thread. Errors: as Omni::from_engine_args.
  static Result<std::unique_ptr<AsyncOmni>> from_engine_args(const EngineArgs& args,
                                                             ResumeOn resume_on = {});
  // Ends open requests as cancelled, lets their coroutines run, and ends all processes. Not from a
  // coroutine that runs on our thread.
  ~AsyncOmni();

  // request_id: empty for a number. sampling_params replaces the first stage's defaults.
  OutputStream generate(std::string prompt,
                        const std::optional<stages::SamplingParams>& sampling_params = {},
                        std::string request_id = {});
  // Errors: as Omni's.
  PendingTraces start_profile(const StageIds& stages = {});
  // options: a named object. g++ 12 destroys an aggregate twice that is made inside a co_await
  // expression.
  PendingTraces start_profile(const StageIds& stages, const ProfileOptions& options);
  PendingTraces stop_profile();
  PendingTraces dump_profile(std::chrono::milliseconds last = std::chrono::seconds(10));

  const stages::PipelineConfig& config() const;
  int rank_pid(int rank) const;

 private:
  struct State;
  template <class Ask>
  PendingTraces ask(Ask ask);
  explicit AsyncOmni(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight
