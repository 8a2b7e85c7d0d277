// AsyncOmni offers the calls of Omni as C++20 awaitables, for a service that has several requests
// in flight.
//
//   auto stream = omni.generate("Hello", {}, "request-1");
//   while (auto part = co_await stream.next()) std::cout << part->text;
//
// Any coroutine type can await them; Task (task.hpp) is one. A call starts its work at once;
// co_await only waits for the result.
//
// Threads: all functions may be called from any thread, until the destructor begins. AsyncOmni has
// one thread, which resumes the coroutines that wait, or passes them to `resume_on`; it holds no
// lock of the library then. A coroutine that blocks on that thread delays the other coroutines, but
// not the ranks.
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

// The outputs of one request, as they arrive: of each answer, where it asked for several.
// Destroying the stream before its end cancels the request in all stages.
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

  // Returns the output that arrived since the previous call, and waits if there is none. The last
  // output of an answer has `finished` set; after those of all answers next() returns nothing. Only
  // one coroutine may await it at a time.
  Next next() const { return Next(state_); }
  // Cancels the request. Each last output then carries the error cancelled, with `why` in its text.
  void abort(const std::string& why);
  OutputStream(OutputStream&&) noexcept = default;
  OutputStream& operator=(OutputStream&&) = delete;
  ~OutputStream();

 private:
  friend class AsyncOmni;
  explicit OutputStream(std::shared_ptr<actors::StreamState> state) : state_(std::move(state)) {}
  std::shared_ptr<actors::StreamState> state_;
};

// The answer of start_profile(), stop_profile() or dump_profile(). It can be awaited once.
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

  // Blocks until all ranks have joined. resume_on: passes a coroutine to the service's executor. If
  // it is empty, coroutines run on the thread of AsyncOmni. Errors: as for
  // Omni::from_engine_args().
  static Result<std::unique_ptr<AsyncOmni>> from_engine_args(const EngineArgs& args,
                                                             ResumeOn resume_on = {});
  // Cancels the open requests, resumes the coroutines that wait for them, and ends all processes. A
  // coroutine that runs on the thread of AsyncOmni must not call it.
  ~AsyncOmni();

  // request_id: empty for one that the library chooses. sampling_params replaces the defaults of
  // the first stage.
  OutputStream generate(std::string prompt,
                        const std::optional<stages::SamplingParams>& sampling_params = {},
                        std::string request_id = {});
  // The same for a prompt of any kind. Of a request that asks for n answers, the parts of all come
  // in one stream, each with the index of its answer.
  OutputStream generate(GenerateRequest request);
  // Errors: as for the functions of Omni.
  PendingTraces start_profile(const StageIds& stages = {});
  // options must be a named object: g++ 12 destroys an aggregate twice if it is created inside a
  // co_await expression.
  PendingTraces start_profile(const StageIds& stages, const ProfileOptions& options);
  PendingTraces stop_profile(const StageIds& stages = {});
  PendingTraces dump_profile(std::chrono::milliseconds last = std::chrono::seconds(10));

  // See Omni. drain() blocks: not to be called by a coroutine on the thread of AsyncOmni.
  PipelineStatus status() const;
  Result<void> drain(std::chrono::milliseconds deadline);
  const stages::PipelineConfig& config() const;
  // See Omni.
  stages::SamplingParams default_sampling_params() const;
  int rank_pid(int rank) const;

 private:
  struct State;
  template <class Ask>
  PendingTraces ask(Ask ask);
  explicit AsyncOmni(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight
