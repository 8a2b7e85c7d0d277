#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <limelight/async_omni.hpp>
#include <mutex>
#include <thread>

#include "actors/api/answers.hpp"
#include "actors/orchestrator/engine.hpp"

namespace limelight {

namespace {

// Runs coroutines on, one after the other, on a thread of its own, or has the service run them. The
// thread stands between in both cases: whoever calls resume() holds locks of the engine.
class Resumer {
 public:
  explicit Resumer(AsyncOmni::ResumeOn elsewhere)
      : elsewhere_(std::move(elsewhere)), thread_([this] { run(); }) {}
  // Lets all run that can, and ends the thread.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void resume(std::coroutine_handle<> waiting) {
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(waiting);
    }
    wake_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return ending_ || !ready_.empty(); });
      if (ready_.empty()) return;
      const auto next = ready_.front();
      ready_.pop_front();
      lock.unlock();
      if (elsewhere_) elsewhere_(next);
      else next.resume();
      lock.lock();
    }
  }
  AsyncOmni::ResumeOn elsewhere_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::coroutine_handle<>> ready_;
  bool ending_ = false;
  std::thread thread_;
};

// A value that somebody may await before it is there.
template <class T>
struct Slot {
  std::mutex mutex;
  std::optional<T> value;
  std::coroutine_handle<> waiting;
  std::shared_ptr<Resumer> resumer;

  bool ready() {
    const std::lock_guard lock(mutex);
    return value.has_value();
  }
  bool suspend(std::coroutine_handle<> handle) {
    const std::lock_guard lock(mutex);
    if (value) return false;
    waiting = handle;
    return true;
  }
  // fill(value) with the lock held, then whoever waits goes on.
  template <class F>
  void fill(F&& with) {
    std::coroutine_handle<> next;
    {
      const std::lock_guard lock(mutex);
      with(value);
      next = std::exchange(waiting, {});
    }
    if (next) resumer->resume(next);
  }
};

}  // namespace

// The parts that wait are at most one for each answer.
struct actors::StreamState : Slot<std::deque<RequestOutput>> {
  std::weak_ptr<actors::Engine> engine;
  std::vector<std::uint64_t> tickets;  // of the answers
  std::size_t open = 0;                // answers whose last part was not handed out

  void push(RequestOutput update) {
    fill([&](std::optional<std::deque<RequestOutput>>& parts) {
      if (!parts) parts.emplace();
      const auto held = std::find_if(parts->begin(), parts->end(), [&](const RequestOutput& one) {
        return one.index == update.index;
      });
      if (held == parts->end()) return parts->push_back(std::move(update));
      // Not taken yet: the old part goes before the new one.
      held->text += update.text;
      held->audio.insert(held->audio.end(), update.audio.begin(), update.audio.end());
      if (!update.finished) {
        auto& logprobs = held->answer.logprobs;
        logprobs.insert(logprobs.end(), std::make_move_iterator(update.answer.logprobs.begin()),
                        std::make_move_iterator(update.answer.logprobs.end()));
        update.answer.logprobs = std::move(logprobs);
      }
      update.text = std::move(held->text);
      update.audio = std::move(held->audio);
      *held = std::move(update);
    });
  }
};
struct actors::TracesState : Slot<Result<std::vector<RankTrace>>> {};

bool OutputStream::Next::await_ready() const { return state_->open == 0 || state_->ready(); }
bool OutputStream::Next::await_suspend(std::coroutine_handle<> waiting) {
  const auto kept = state_;  // the coroutine may run on, and end, before this returns
  return kept->suspend(waiting);
}
std::optional<RequestOutput> OutputStream::Next::await_resume() {
  if (state_->open == 0) return std::nullopt;
  const std::lock_guard lock(state_->mutex);
  RequestOutput part = std::move(state_->value->front());
  state_->value->pop_front();
  if (state_->value->empty()) state_->value.reset();
  if (part.finished) --state_->open;
  return part;
}

void OutputStream::abort(const std::string& why) {
  if (const auto engine = state_->engine.lock())
    for (const std::uint64_t ticket : state_->tickets) engine->abort(ticket, why);
}
OutputStream::~OutputStream() {
  if (state_ && state_->open > 0) abort("its stream was dropped");
}

bool PendingTraces::await_ready() const { return state_->ready(); }
bool PendingTraces::await_suspend(std::coroutine_handle<> waiting) {
  const auto kept = state_;
  return kept->suspend(waiting);
}
Result<std::vector<RankTrace>> PendingTraces::await_resume() {
  const std::lock_guard lock(state_->mutex);
  return std::move(*state_->value);
}

struct AsyncOmni::State {
  std::shared_ptr<Resumer> resumer;
  std::shared_ptr<actors::Engine> engine;  // streams know it weakly: they may outlive it
};

AsyncOmni::AsyncOmni(std::unique_ptr<State> state) : state_(std::move(state)) {}
AsyncOmni::~AsyncOmni() {
  state_->engine.reset();
  state_->resumer->end();
}

Result<std::unique_ptr<AsyncOmni>> AsyncOmni::from_engine_args(const EngineArgs& args,
                                                               ResumeOn resume_on) {
  auto engine = actors::Engine::start(args);
  if (!engine) return engine.error();
  auto state = std::make_unique<State>();
  state->resumer = std::make_shared<Resumer>(std::move(resume_on));
  state->engine = std::move(engine).value();
  return std::unique_ptr<AsyncOmni>(new AsyncOmni(std::move(state)));
}

OutputStream AsyncOmni::generate(std::string prompt,
                                 const std::optional<stages::SamplingParams>& sampling_params,
                                 std::string request_id) {
  return generate({.prompt = std::move(prompt),
                   .request_id = std::move(request_id),
                   .sampling_params = sampling_params});
}

OutputStream AsyncOmni::generate(GenerateRequest request) {
  const auto stream = std::make_shared<actors::StreamState>();
  stream->resumer = state_->resumer;
  stream->engine = state_->engine;
  auto answers = actors::answers_of(std::move(request), state_->engine->default_sampling());
  stream->open = answers.size();
  for (std::size_t i = 0; i < answers.size(); ++i)
    stream->tickets.push_back(state_->engine->submit(
        std::move(answers[i]), [stream](RequestOutput update) { stream->push(std::move(update)); },
        static_cast<int>(i)));
  return OutputStream(stream);
}

template <class Ask>
PendingTraces AsyncOmni::ask(Ask ask) {
  const auto slot = std::make_shared<actors::TracesState>();
  slot->resumer = state_->resumer;
  ask([slot](Result<std::vector<RankTrace>> traces) {
    slot->fill([&](auto& held) { held = std::move(traces); });
  });
  return PendingTraces(slot);
}
PendingTraces AsyncOmni::start_profile(const StageIds& stages) {
  return start_profile(stages, ProfileOptions());
}
PendingTraces AsyncOmni::start_profile(const StageIds& stages, const ProfileOptions& options) {
  return ask([&](auto done) { state_->engine->start_profile(stages, options, done); });
}
PendingTraces AsyncOmni::stop_profile(const StageIds& stages) {
  return ask([&](auto done) { state_->engine->stop_profile(stages, done); });
}
PendingTraces AsyncOmni::dump_profile(std::chrono::milliseconds last) {
  return ask([&](auto done) { state_->engine->dump_profile(last, done); });
}

PipelineStatus AsyncOmni::status() const { return state_->engine->status(); }
Result<void> AsyncOmni::drain(std::chrono::milliseconds deadline) {
  return state_->engine->drain(deadline);
}
const stages::PipelineConfig& AsyncOmni::config() const { return state_->engine->config(); }
stages::SamplingParams AsyncOmni::default_sampling_params() const {
  return state_->engine->default_sampling();
}
int AsyncOmni::rank_pid(int rank) const { return state_->engine->rank_pid(rank); }

}  // namespace limelight
