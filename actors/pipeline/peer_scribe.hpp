// What makes CAF speak over a descriptor that was accepted by our own rules, in place of a TCP port
// of its own. For local_middleman.cpp and node_middleman.cpp alone.
//
// CAF greets whoever connects with its node's name, so a descriptor comes here only after its peer
// was accepted.
#pragma once

#include <unistd.h>

#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/network/acceptor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/scribe_impl.hpp>
#include <chrono>
#include <functional>
#include <limelight/result.hpp>
#include <set>
#include <string>
#include <utility>

namespace limelight::actors::detail {

// One end of a connection. CAF's own class asks the socket for its TCP port, and aborts the process
// where there is none.
class PeerScribe final : public caf::io::network::scribe_impl {
 public:
  using scribe_impl::scribe_impl;
  std::string addr() const override { return "local"; }
  std::uint16_t port() const override { return 0; }
};

// A source of accepted connections, as CAF's broker sees it. Accept: as CheckedAccept. Made on any
// thread, from then on the network thread's.
template <class Accept>
class PeerDoorman final : public caf::io::doorman {
 public:
  PeerDoorman(caf::io::network::default_multiplexer& network,
              int source,
              Accept accept,
              std::string name,
              std::function<void()> at_end)
      : doorman(caf::io::network::accept_hdl_from_socket(source)),
        acceptor_(network, source, std::move(accept)),
        name_(std::move(name)),
        at_end_(std::move(at_end)) {}
  ~PeerDoorman() override { at_end_(); }

  bool new_connection() override {
    const int fd = acceptor_.accepted_socket();
    if (detached()) {  // the broker has left, and this event was under way
      if (fd >= 0) ::close(fd);
      return false;
    }
    auto scribe = caf::make_counted<PeerScribe>(acceptor_.backend(), fd);
    const auto connection = scribe->hdl();
    parent()->add_scribe(std::move(scribe));
    return doorman::new_connection(&acceptor_.backend(), connection);
  }
  void launch() override { acceptor_.start(this); }
  void graceful_shutdown() override {
    acceptor_.graceful_shutdown();
    detach(&acceptor_.backend(), false);
  }
  void add_to_loop() override { acceptor_.activate(this); }
  void remove_from_loop() override { acceptor_.passivate(); }
  std::string addr() const override { return name_; }
  // The broker finds the actor that is published here by this number. A descriptor is unique for as
  // long as it is open.
  std::uint16_t port() const override { return static_cast<std::uint16_t>(acceptor_.fd()); }

 private:
  caf::io::network::acceptor_impl<Accept> acceptor_;
  std::string name_;
  std::function<void()> at_end_;
};

using Interface = std::set<std::string>;

// Errors: unavailable.
Result<caf::io::network::default_multiplexer*> network_of(caf::actor_system& system);
// Publishes an actor at the doorman. what: for the error. Errors: unavailable.
Result<void> publish_at(caf::actor_system& system,
                        caf::io::doorman_ptr doorman,
                        caf::strong_actor_ptr actor,
                        Interface interface,
                        const std::string& what);
// The actor that is published at the other end of the descriptor, which it takes over. Errors:
// invalid_argument, unavailable, timeout.
Result<caf::strong_actor_ptr> actor_behind(caf::actor_system& system,
                                           int fd,
                                           const Interface& expected,
                                           const std::string& what);

}  // namespace limelight::actors::detail
