#include "actors/pipeline/node_middleman.hpp"

#include <fcntl.h>

#include "actors/pipeline/peer_scribe.hpp"
#include "ipc/network/passed_descriptor.hpp"

namespace limelight::actors {

namespace {

// Stands where CAF calls accept(): what comes is a connection that was accepted before. Network
// thread.
class TakeDescriptor {
 public:
  static bool try_accept(int& accepted, int source) {
    ipc::Socket channel(source);
    auto passed = ipc::receive_descriptor(channel);
    (void)channel.release();
    if (!passed) return false;
    accepted = passed->socket.release();
    return true;
  }
};

}  // namespace

namespace detail {

Result<void> publish_to(caf::actor_system& system,
                        caf::strong_actor_ptr actor,
                        std::set<std::string> interface,
                        ipc::Socket peer) {
  const auto network = network_of(system);
  if (!network) return network.error();
  auto channel = ipc::descriptor_channel();
  if (!channel) return channel.error();
  auto& [giver, taker] = *channel;
  (void)::fcntl(taker.fd(), F_SETFL, O_NONBLOCK);
  // The giving end stays open for as long as the doorman is there: CAF takes its end for a reason
  // to look again and again.
  const auto kept = std::make_shared<ipc::Socket>(std::move(giver));
  caf::io::doorman_ptr doorman = caf::make_counted<PeerDoorman<TakeDescriptor>>(
      **network, taker.release(), TakeDescriptor{}, "node", [kept] {});
  if (auto published = publish_at(system, std::move(doorman), std::move(actor),
                                  std::move(interface), "a connection from another machine");
      !published)
    return published;
  return ipc::pass_descriptor(*kept, "peer", peer.fd());
}

Result<caf::strong_actor_ptr> connect_over(caf::actor_system& system,
                                           const std::set<std::string>& expected,
                                           ipc::Socket peer,
                                           const std::string& name) {
  return actor_behind(system, peer.release(), expected, name);
}

}  // namespace detail

}  // namespace limelight::actors
