// Actors of this user's processes on this machine, reached over a Unix-domain socket in place of a
// TCP port.
//
// CAF greets whoever connects with its node's name and its application identifiers, so it has to be
// known before who connects. Here the kernel says it (SO_PEERCRED), and CAF learns of a connection
// only after its peer was accepted.
//
// Invariants:
// - Nothing is sent to a peer, or read from it, before the check has accepted it. A peer that is
//   refused is closed at once. Both sides check: the one that listens and the one that connects.
// - The socket file has mode 0600, lies in a folder of this user alone (0700), and is removed
//   together with the actor system.
// - A failing accept() neither ends nor spins CAF's network thread: until descriptors are free
//   again, peers wait in the kernel's queue.
//
// The engine publishes, each rank connects: on any thread but CAF's network thread. Both calls
// return once CAF's broker has answered. They need caf::io::middleman with its default backend.
#pragma once

#include <sys/types.h>

#include <caf/all.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <set>
#include <string>
#include <utility>

namespace limelight::actors {

// The process at the other end when the connection was made: the one that called connect(), or,
// seen from there, the one that called listen(). The kernel may give a process id to another
// process, but not that of a child before its parent has waited for it.
struct PeerCredentials {
  uid_t uid = 0;
  pid_t pid = 0;  // 0: a process that is not visible from here, in another pid namespace
};

// Whether to talk to this peer. Must not throw.
using PeerCheck = std::function<bool(const PeerCredentials&)>;

// The default check: the peer's user is the effective user of this process.
bool same_user(const PeerCredentials& peer) noexcept;

// For a place in the queue of the one that listens, and once more for the handshake.
constexpr std::chrono::seconds connect_timeout{10};

namespace detail {
using Interface = std::set<std::string>;
Result<void> publish(caf::actor_system& system,
                     caf::strong_actor_ptr actor,
                     Interface interface,
                     const std::filesystem::path& path,
                     PeerCheck check);
Result<caf::strong_actor_ptr> connect(caf::actor_system& system,
                                      const Interface& expected,
                                      const std::filesystem::path& path,
                                      const PeerCheck& check);
}  // namespace detail

// Serves the actor at this path until its system ends. `check` is called on CAF's network thread,
// once for each peer; it may take a lock, but not for long. What it refers to must outlive the
// system. A socket at which nobody listens any more is replaced. Errors: invalid_argument (a path
// too long, a folder open to others), busy (somebody listens there, or the file is no socket), io,
// unavailable.
template <class Actor>
Result<void> publish_local(const Actor& actor,
                           const std::filesystem::path& path,
                           PeerCheck check = same_user) {
  caf::actor_system& system = actor.home_system();
  return detail::publish(system, caf::actor_cast<caf::strong_actor_ptr>(actor),
                         system.message_types(actor), path, std::move(check));
}

// The actor that is served at this path. `check` is called on this thread.
// Errors: invalid_argument (a path too long, no socket, an actor of another type), not_found
// (nobody listens there), io, unavailable (one side refused the other), timeout.
template <class Actor>
Result<Actor> connect_local(caf::actor_system& system,
                            const std::filesystem::path& path,
                            const PeerCheck& check = same_user) {
  auto actor = detail::connect(system, system.message_types<Actor>(), path, check);
  if (!actor) return actor.error();
  return caf::actor_cast<Actor>(std::move(*actor));
}

}  // namespace limelight::actors
