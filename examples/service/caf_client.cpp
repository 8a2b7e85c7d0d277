// Another process, which has the service's pipeline through the same typed handle: profiles the
// chosen stages while it asks.
//   caf_client PORT PROMPT [STAGE...]
#include <caf/io/all.hpp>
#include <cstdlib>
#include <iostream>

#include "pipeline_actor.hpp"

namespace {
struct Config : caf::actor_system_config {
  Config() {
    load<caf::io::middleman>();
    add_message_types<caf::id_block::service>();
  }
};

template <class Answer, class Message>
Answer request(caf::actor_system& system, const service::PipelineActor& to, Message message) {
  Answer answer;
  caf::scoped_actor self(system);
  self->request(to, caf::infinite, std::move(message))
      .receive([&](Answer& came) { answer = std::move(came); },
               [&](const caf::error& why) { answer.error = system.render(why); });
  return answer;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::cerr << "usage: caf_client PORT PROMPT [STAGE...]\n", 2;
  Config config;
  caf::actor_system system(config);
  const auto pipeline = system.middleman().remote_actor<service::PipelineActor>(
      "127.0.0.1", static_cast<std::uint16_t>(std::atoi(argv[1])));
  if (!pipeline) return std::cerr << system.render(pipeline.error()) << "\n", 1;

  service::StartProfile profile;
  for (int i = 3; i < argc; ++i) profile.stages.push_back(std::atoi(argv[i]));
  const auto started = request<service::Traces>(system, *pipeline, profile);
  const auto said = request<service::Said>(system, *pipeline, service::Ask{argv[2]});
  const auto traces = request<service::Traces>(system, *pipeline, service::StopProfile{});
  for (const std::string& error : {started.error, said.error, traces.error})
    if (!error.empty()) return std::cerr << error << "\n", 1;
  std::cout << "there: " << said.text << "\nsound: " << said.audio_seconds << " s\n";
  for (const std::string& file : traces.files) std::cout << file << "\n";
}
