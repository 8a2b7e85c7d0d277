#include <condition_variable>
#include <future>
#include <limelight/omni.hpp>
#include <limits>
#include <map>
#include <mutex>

#include "actors/api/answers.hpp"
#include "actors/orchestrator/engine.hpp"

namespace limelight {

namespace {
// Waits for the answer of an asynchronous call of the engine.
template <class Ask>
Result<std::vector<RankTrace>> wait_for(Ask ask) {
  const auto answer = std::make_shared<std::promise<Result<std::vector<RankTrace>>>>();
  ask([answer](Result<std::vector<RankTrace>> traces) { answer->set_value(std::move(traces)); });
  return answer->get_future().get();
}
}  // namespace

Omni::Omni(std::unique_ptr<actors::Engine> engine) : engine_(std::move(engine)) {}
Omni::~Omni() = default;

Result<std::unique_ptr<Omni>> Omni::from_engine_args(const EngineArgs& args) {
  auto engine = actors::Engine::start(args);
  if (!engine) return engine.error();
  return std::unique_ptr<Omni>(new Omni(std::move(engine).value()));
}

Result<std::vector<RankTrace>> Omni::start_profile(const StageIds& stages,
                                                   const ProfileOptions& options) {
  return wait_for([&](auto done) { engine_->start_profile(stages, options, done); });
}
Result<std::vector<RankTrace>> Omni::stop_profile(const StageIds& stages) {
  return wait_for([&](auto done) { engine_->stop_profile(stages, done); });
}

Result<std::vector<RankTrace>> Omni::dump_profile(std::chrono::milliseconds last) {
  return wait_for([&](auto done) { engine_->dump_profile(last, done); });
}

Result<void> Omni::set_flight_recorder(std::chrono::milliseconds keep) {
  auto done = wait_for([&](auto answer) { engine_->set_flight_recorder(keep, answer); });
  return done ? Result<void>() : Result<void>(done.error());
}

namespace {

// The answers that were asked for and are not with the caller yet.
class Answers {
 public:
  Answers(actors::Engine& engine, bool with_text) : engine_(engine), with_text_(with_text) {}

  // Asks for each answer of the request. Returns how many they are.
  std::size_t submit(GenerateRequest request) {
    auto answers = actors::answers_of(std::move(request), engine_.default_sampling());
    for (std::size_t i = 0; i < answers.size(); ++i)
      submit_one(std::move(answers[i]), static_cast<int>(i));
    return answers.size();
  }

  struct News {
    std::vector<std::pair<std::size_t, RequestOutput>> finished;  // with its number, from 0
    Progress progress;
  };
  // Waits until there are any.
  News wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return fresh_; });
    fresh_ = false;
    progress_.total = asked_;
    Progress now = progress_;
    if (asked_ == 1) progress_.fresh_text.clear();
    else now.fresh_text.clear();
    return {std::exchange(finished_, {}), std::move(now)};
  }

 private:
  void submit_one(GenerateRequest request, int index) {
    const std::size_t number = asked_++;
    engine_.submit(
        std::move(request),
        [this, number](RequestOutput update) { take(number, std::move(update)); }, index);
  }
  void take(std::size_t number, RequestOutput update) {
    const std::lock_guard lock(mutex_);
    progress_.text_bytes += update.text.size();
    progress_.audio_seconds += static_cast<double>(update.audio.size()) / update.sample_rate;
    if (number == 0 && with_text_) progress_.fresh_text += update.text;
    RequestOutput& part = parts_[number];
    part.text += update.text;
    part.audio.insert(part.audio.end(), update.audio.begin(), update.audio.end());
    if (update.finished) {
      update.text = std::move(part.text);
      update.audio = std::move(part.audio);
      parts_.erase(number);
      finished_.emplace_back(number, std::move(update));
      ++progress_.done;
    }
    fresh_ = true;
    changed_.notify_one();
  }

  actors::Engine& engine_;
  const bool with_text_;
  std::size_t asked_ = 0;  // of the calling thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, RequestOutput> parts_;  // of those that are not finished
  std::vector<std::pair<std::size_t, RequestOutput>> finished_;
  Progress progress_;
  bool fresh_ = false;
};

void generate_numbered(actors::Engine& engine,
                       const std::function<std::optional<GenerateRequest>()>& next,
                       const std::function<void(std::size_t, RequestOutput)>& on_output,
                       const std::function<void(const Progress&)>& on_progress,
                       std::size_t most_open) {
  Answers answers(engine, static_cast<bool>(on_progress));
  std::size_t open = 0;
  for (bool more = true;;) {
    while (more && open < most_open) {
      auto request = next();
      if (request) open += answers.submit(std::move(*request));
      else more = false;
    }
    if (open == 0) return;
    Answers::News news = answers.wait();
    for (auto& [number, output] : news.finished) {
      --open;
      on_output(number, std::move(output));
    }
    if (on_progress) on_progress(news.progress);
  }
}

}  // namespace

void Omni::generate_each(const std::function<std::optional<GenerateRequest>()>& next,
                         const std::function<void(RequestOutput)>& on_output,
                         const std::function<void(const Progress&)>& on_progress,
                         std::size_t most_open) {
  generate_numbered(
      *engine_, next, [&](std::size_t, RequestOutput output) { on_output(std::move(output)); },
      on_progress, most_open > 0 ? most_open : 2 * static_cast<std::size_t>(config().max_inflight));
}

std::vector<RequestOutput> Omni::generate(
    const std::vector<std::string>& prompts,
    const std::optional<stages::SamplingParams>& sampling_params,
    const std::function<void(const Progress&)>& on_progress) {
  std::map<std::size_t, RequestOutput> outputs;
  std::size_t asked = 0;
  generate_numbered(
      *engine_,
      [&]() -> std::optional<GenerateRequest> {
        if (asked == prompts.size()) return std::nullopt;
        return GenerateRequest{.prompt = prompts[asked++], .sampling_params = sampling_params};
      },
      [&](std::size_t number, RequestOutput output) { outputs[number] = std::move(output); },
      on_progress, std::numeric_limits<std::size_t>::max());
  std::vector<RequestOutput> ordered;
  for (auto& [number, output] : outputs) ordered.push_back(std::move(output));
  return ordered;
}

PipelineStatus Omni::status() const { return engine_->status(); }
Result<void> Omni::drain(std::chrono::milliseconds deadline) { return engine_->drain(deadline); }
void Omni::cancel(const std::string& why) { engine_->fail({ErrorCode::cancelled, why}); }
const stages::PipelineConfig& Omni::config() const { return engine_->config(); }
stages::SamplingParams Omni::default_sampling_params() const { return engine_->default_sampling(); }
int Omni::rank_pid(int rank) const { return engine_->rank_pid(rank); }

}  // namespace limelight
