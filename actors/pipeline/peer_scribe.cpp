#include "actors/pipeline/peer_scribe.hpp"

namespace limelight::actors::detail {

namespace net = caf::io::network;

namespace {

constexpr std::chrono::seconds handshake_patience{10};

// The broker that speaks CAF's protocol. It takes both ends of a connection as CAF's own middleman
// actor hands them to it; asking it directly saves an actor with a thread and puts a limit to the
// wait.
caf::actor broker_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

}  // namespace

Result<net::default_multiplexer*> network_of(caf::actor_system& system) {
  if (system.has_middleman())
    if (auto* network = dynamic_cast<net::default_multiplexer*>(&system.middleman().backend()))
      return network;
  return Error{ErrorCode::unavailable,
               "the actor system has no middleman with the default network backend"};
}

Result<void> publish_at(caf::actor_system& system,
                        caf::io::doorman_ptr doorman,
                        caf::strong_actor_ptr actor,
                        Interface interface,
                        const std::string& what) {
  const std::uint16_t port = doorman->port();
  Result<void> published;
  caf::scoped_actor self(system, true);
  self->request(broker_of(system), handshake_patience, caf::publish_atom_v, std::move(doorman),
                port, std::move(actor), std::move(interface))
      .receive([] {},
               [&](const caf::error& error) {
                 published = Error{ErrorCode::unavailable,
                                   what + ": CAF cannot publish an actor: " + system.render(error)};
               });
  return published;
}

Result<caf::strong_actor_ptr> actor_behind(caf::actor_system& system,
                                           int fd,
                                           const Interface& expected,
                                           const std::string& what) {
  const auto network = network_of(system);
  if (!network) {
    ::close(fd);
    return network.error();
  }
  caf::io::scribe_ptr scribe = caf::make_counted<PeerScribe>(**network, fd);
  Result<caf::strong_actor_ptr> connected = caf::strong_actor_ptr{};
  caf::scoped_actor self(system, true);
  self->request(broker_of(system), handshake_patience, caf::connect_atom_v, std::move(scribe),
                std::uint16_t{0})
      .receive(
          [&](const caf::node_id&, caf::strong_actor_ptr& actor, const Interface& found) {
            if (actor && system.assignable(found, expected)) connected = std::move(actor);
            else
              connected = Error{ErrorCode::invalid_argument,
                                what + ": no actor of the expected type is published"};
          },
          [&](const caf::error& error) {
            const bool late = error == caf::sec::request_timeout;
            connected =
                Error{late ? ErrorCode::timeout : ErrorCode::unavailable,
                      what + ": the handshake failed, or the other side refused this process: " +
                          system.render(error)};
          });
  return connected;
}

}  // namespace limelight::actors::detail
