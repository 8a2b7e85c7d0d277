// A pipeline as an actor of the service's own actor system: what it understands, and how it is
// spawned. Whoever has the handle talks to it alike, in this process or in another one.
#pragma once

#include <caf/all.hpp>
#include <limelight/omni.hpp>
#include <string>
#include <vector>

namespace service {

struct Ask {
  std::string prompt;
};
struct Said {
  std::string text, error;  // one of the two
  double audio_seconds = 0;
};
struct StartProfile {
  std::vector<int> stages;  // none: all
};
struct StopProfile {};
struct Traces {
  std::vector<std::string> files;  // one for each rank of the chosen stages
  std::string error;
};

template <class Inspector>
auto inspect(Inspector& f, Ask& x) {
  return f(caf::meta::type_name("Ask"), x.prompt);
}
template <class Inspector>
auto inspect(Inspector& f, Said& x) {
  return f(caf::meta::type_name("Said"), x.text, x.error, x.audio_seconds);
}
template <class Inspector>
auto inspect(Inspector& f, StartProfile& x) {
  return f(caf::meta::type_name("StartProfile"), x.stages);
}
template <class Inspector>
auto inspect(Inspector& f, StopProfile&) {
  return f(caf::meta::type_name("StopProfile"));
}
template <class Inspector>
auto inspect(Inspector& f, Traces& x) {
  return f(caf::meta::type_name("Traces"), x.files, x.error);
}

using PipelineActor = caf::typed_actor<caf::replies_to<Ask>::with<Said>,
                                       caf::replies_to<StartProfile>::with<Traces>,
                                       caf::replies_to<StopProfile>::with<Traces>>;

// Starts the pipeline, and returns when all its ranks have joined. The ranks end with the actor.
limelight::Result<PipelineActor> spawn_pipeline(caf::actor_system& system,
                                                const limelight::EngineArgs& args);

}  // namespace service

CAF_BEGIN_TYPE_ID_BLOCK(service, first_custom_type_id)
  CAF_ADD_TYPE_ID(service, (service::Ask))
  CAF_ADD_TYPE_ID(service, (service::Said))
  CAF_ADD_TYPE_ID(service, (service::StartProfile))
  CAF_ADD_TYPE_ID(service, (service::StopProfile))
  CAF_ADD_TYPE_ID(service, (service::Traces))
CAF_END_TYPE_ID_BLOCK(service)
