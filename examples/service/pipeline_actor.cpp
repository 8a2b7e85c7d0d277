#include "pipeline_actor.hpp"

#include <cstdint>
#include <limelight/async_omni.hpp>
#include <limelight/task.hpp>
#include <map>
#include <memory>

namespace service {
namespace {

using limelight::AsyncOmni;
using limelight::Task;

// What a coroutine tells the actor when it is done. A promise is kept by the actor alone, so the
// coroutine, which runs on the thread of AsyncOmni, names it by its number.
struct Spoken {
  std::uint64_t number = 0;
  Said said;
};
struct Traced {
  std::uint64_t number = 0;
  Traces traces;
};
template <class Inspector>
auto inspect(Inspector& f, Spoken& x) {
  return f(x.number, x.said);
}
template <class Inspector>
auto inspect(Inspector& f, Traced& x) {
  return f(x.number, x.traces);
}
using Inside = PipelineActor::extend<caf::reacts_to<Spoken>, caf::reacts_to<Traced>>;

Task<void> ask(AsyncOmni& omni, std::string prompt, std::uint64_t number, Inside actor) {
  Spoken spoken{number, {}};
  auto stream = omni.generate(std::move(prompt));
  while (auto part = co_await stream.next()) {
    spoken.said.text += part->text;
    spoken.said.error = part->error.message;
    spoken.said.audio_seconds += static_cast<double>(part->audio.size()) / part->sample_rate;
  }
  caf::anon_send(actor, spoken);
}

Task<void> await(limelight::PendingTraces pending, std::uint64_t number, Inside actor) {
  Traced traced{number, {}};
  if (const auto traces = co_await pending)
    for (const auto& rank : *traces) traced.traces.files.push_back(rank.file.string());
  else traced.traces.error = traces.error().message;
  caf::anon_send(actor, traced);
}

struct State {
  std::shared_ptr<AsyncOmni> omni;
  std::uint64_t number = 0;
  std::map<std::uint64_t, caf::typed_response_promise<Said>> asked = {};
  std::map<std::uint64_t, caf::typed_response_promise<Traces>> profiled = {};
};

Inside::behavior_type pipeline(Inside::stateful_pointer<State> self,
                               std::shared_ptr<AsyncOmni> omni) {
  self->state.omni = std::move(omni);
  const auto traces = [self](limelight::PendingTraces pending) {
    State& state = self->state;
    auto promise = self->make_response_promise<Traces>();
    state.profiled.emplace(++state.number, promise);
    await(std::move(pending), state.number, self);
    return promise;
  };
  return {[self](const Ask& message) {
            State& state = self->state;
            auto promise = self->make_response_promise<Said>();
            state.asked.emplace(++state.number, promise);
            ask(*state.omni, message.prompt, state.number, self);
            return promise;
          },
          [=](const StartProfile& message) {
            return traces(self->state.omni->start_profile(message.stages));
          },
          [=](const StopProfile&) { return traces(self->state.omni->stop_profile()); },
          [self](const Spoken& done) {
            self->state.asked.extract(done.number).mapped().deliver(done.said);
          },
          [self](const Traced& done) {
            self->state.profiled.extract(done.number).mapped().deliver(done.traces);
          }};
}

}  // namespace

limelight::Result<PipelineActor> spawn_pipeline(caf::actor_system& system,
                                                const limelight::EngineArgs& args) {
  auto omni = AsyncOmni::from_engine_args(args);
  if (!omni) return omni.error();
  return PipelineActor(system.spawn(pipeline, std::shared_ptr<AsyncOmni>(std::move(*omni))));
}

}  // namespace service
