// The end of a crossing channel on this machine: its port at the broker, and the relay behind it.
// Used by the orchestrator and by the sessions of nodes. Any thread may call all.
#pragma once

#include <limelight/result.hpp>
#include <memory>
#include <string>

#include "actors/pipeline/placement.hpp"
#include "ipc/network/handshake.hpp"
#include "ipc/network/relay.hpp"

namespace limelight::actors {

class CrossingRelay {
 public:
  // run: its name on this machine. sends: this machine has the producer. Errors: unavailable (the
  // broker).
  static Result<std::unique_ptr<CrossingRelay>> open(const Crossing& crossing,
                                                     const std::string& run,
                                                     bool sends,
                                                     std::shared_ptr<ipc::RelaySource> source);
  // Of the replica that reads: see ipc::Publisher.
  void consumer_replaced(int stage, int replica);

 private:
  ReplicaName reader_{-1, 0};
  std::unique_ptr<ipc::RelaySender> sender_;
  std::unique_ptr<ipc::RelayReceiver> receiver_;
};

// What is said to a node at the beginning of a connection: lines, the first one is what for.
std::string purpose_run(const std::string& run);
std::string purpose_channel(const std::string& run, const std::string& topic);
inline constexpr const char* purpose_clock = "clock";
inline constexpr const char* purpose_status = "status";

// Connects to a node, with both proofs. answer: what the node says, if it is asked for. Errors:
// those of the connection and of the handshake; they name the address.
Result<ipc::Socket> dial_node(const ipc::NetworkAddress& address,
                              const ipc::Token& token,
                              const std::string& purpose,
                              std::string* answer = nullptr);

}  // namespace limelight::actors
