// A service with an actor system of its own. It asks the pipeline through a typed handle, and
// offers the same handle to other processes of this machine until its input ends.
//   caf_service CONFIG TRACES
#include <caf/io/all.hpp>
#include <iostream>
#include <limelight/omni.hpp>
#include <limits>

#include "pipeline_actor.hpp"

namespace {
struct Config : caf::actor_system_config {
  Config() {
    load<caf::io::middleman>();
    add_message_types<caf::id_block::service>();
  }
};
}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: caf_service CONFIG TRACES\n", 2;
  Config config;
  caf::actor_system system(config);
  const auto pipeline =
      service::spawn_pipeline(system, {.config = argv[1], .profile_dir = argv[2]});
  if (!pipeline) return std::cerr << pipeline.error().message << "\n", 1;

  bool failed = false;
  {
    caf::scoped_actor self(system);
    self->request(*pipeline, caf::infinite, service::Ask{"Hello"})
        .receive([](const service::Said& said) { std::cout << "here: " << said.text << "\n"; },
                 [&](const caf::error& why) {
                   std::cerr << system.render(why) << "\n";
                   failed = true;
                 });
  }
  // Whoever can connect may ask: a service for others than this machine's users wants TLS
  // (caf-openssl) or a front of its own, such as `limelight serve`.
  const auto port = system.middleman().publish(*pipeline, 0, "127.0.0.1");
  if (!port) return std::cerr << system.render(port.error()) << "\n", 1;
  std::cout << "port " << *port << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  caf::anon_send_exit(*pipeline, caf::exit_reason::user_shutdown);
  return failed ? 1 : 0;
}
