// CAF over connections between machines. Their peers have proved the token before CAF learns of
// them (ipc/network/handshake.hpp); what connect_local() is for Unix-domain sockets, this is for
// those connections.
//
// Call these on any thread but CAF's network thread. They need caf::io::middleman with its default
// backend.
#pragma once

#include <caf/all.hpp>
#include <limelight/result.hpp>
#include <set>
#include <string>
#include <utility>

#include "ipc/network/socket.hpp"

namespace limelight::actors {

namespace detail {
Result<void> publish_to(caf::actor_system& system,
                        caf::strong_actor_ptr actor,
                        std::set<std::string> interface,
                        ipc::Socket peer);
Result<caf::strong_actor_ptr> connect_over(caf::actor_system& system,
                                           const std::set<std::string>& expected,
                                           ipc::Socket peer,
                                           const std::string& name);
}  // namespace detail

// Serves the actor to this peer alone, until the connection or the system ends. Errors: io,
// unavailable.
template <class Actor>
Result<void> publish_to(const Actor& actor, ipc::Socket peer) {
  caf::actor_system& system = actor.home_system();
  return detail::publish_to(system, caf::actor_cast<caf::strong_actor_ptr>(actor),
                            system.message_types(actor), std::move(peer));
}

// The actor that the other side serves. name: of the other side, for errors. Errors:
// invalid_argument (an actor of another type), unavailable, timeout.
template <class Actor>
Result<Actor> connect_over(caf::actor_system& system, ipc::Socket peer, const std::string& name) {
  auto actor = detail::connect_over(system, system.message_types<Actor>(), std::move(peer), name);
  if (!actor) return actor.error();
  return caf::actor_cast<Actor>(std::move(*actor));
}

}  // namespace limelight::actors
