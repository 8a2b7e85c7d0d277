#include <condition_variable>
#include <future>
#include <limelight/omni.hpp>
#include <mutex>

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
Result<std::vector<RankTrace>> Omni::stop_profile() {
  return wait_for([&](auto done) { engine_->stop_profile(done); });
}

Result<std::vector<RankTrace>> Omni::dump_profile(std::chrono::milliseconds last) {
  return wait_for([&](auto done) { engine_->dump_profile(last, done); });
}

Result<void> Omni::set_flight_recorder(std::chrono::milliseconds keep) {
  auto done = wait_for([&](auto answer) { engine_->set_flight_recorder(keep, answer); });
  return done ? Result<void>() : Result<void>(done.error());
}

std::vector<RequestOutput> Omni::generate(
    const std::vector<std::string>& prompts,
    const std::optional<stages::SamplingParams>& sampling_params,
    const std::function<void(const Progress&)>& on_progress) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<RequestOutput> outputs(prompts.size());
  Progress progress{0, prompts.size(), 0, 0, {}};
  bool fresh = false;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    engine_->submit({}, prompts[i], sampling_params, [&, i](RequestOutput update) {
      const std::lock_guard lock(mutex);
      progress.text_bytes += update.text.size();
      if (outputs.size() == 1 && on_progress) progress.fresh_text += update.text;
      progress.audio_samples += update.audio.size();
      RequestOutput& output = outputs[i];
      output.text += update.text;
      output.audio.insert(output.audio.end(), update.audio.begin(), update.audio.end());
      if (update.finished) {
        update.text = std::move(output.text);
        update.audio = std::move(output.audio);
        output = std::move(update);
        ++progress.done;
      }
      fresh = true;
      changed.notify_one();
    });
  std::unique_lock lock(mutex);
  for (bool done = prompts.empty(); !done;) {
    changed.wait(lock, [&] { return fresh; });
    fresh = false;
    done = progress.done == prompts.size();
    if (!on_progress) continue;
    const Progress now = std::exchange(
        progress, {progress.done, progress.total, progress.text_bytes, progress.audio_samples, {}});
    lock.unlock();
    on_progress(now);
    lock.lock();
  }
  return outputs;
}

void Omni::cancel(const std::string& why) { engine_->fail({ErrorCode::cancelled, why}); }
const stages::PipelineConfig& Omni::config() const { return engine_->config(); }
int Omni::rank_pid(int rank) const { return engine_->rank_pid(rank); }

}  // namespace limelight
