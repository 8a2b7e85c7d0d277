// What the orchestrator has of one other machine: the connection to the session of its run there,
// the ranks that run there, the relays of the channels between here and there, and how its clock
// goes.
//
// A machine whose session is gone, or that is silent for ten seconds, is lost: that is the death of
// each of its ranks. restart() connects anew, and tries so for a while, since a machine that was
// started again takes longer than a rank.
//
// Any thread may call all. `on_death` is called as the launcher's, on any thread, and not within a
// call of restart() or kill().
#pragma once

#include <chrono>
#include <functional>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/orchestrator/launcher.hpp"
#include "actors/pipeline/protocol.hpp"
#include "ipc/network/handshake.hpp"

namespace limelight::actors {

class NodeLink {
 public:
  struct Options {
    std::string name;  // in the config
    ipc::NetworkAddress address;
    ipc::Token token;
    std::string run;  // of all machines
    const stages::PipelineConfig* config = nullptr;
    std::string config_text;
    std::map<std::int32_t, std::map<std::string, std::string>> env = {};  // of ranks
    std::chrono::milliseconds flight{0};
  };
  NodeLink(caf::actor_system& system,
           OrchestratorActor orchestrator,
           Options options,
           std::function<void(const RankDeath&)> on_death);
  ~NodeLink();

  // Connects, measures the clock, starts the ranks, and opens the relays. Errors: those of the
  // connection, of the handshake, and of the session there.
  Result<void> start();
  bool has(int rank) const;
  int pid(int rank) const;  // there
  void restart(int rank, int incarnation, const std::string& absent);
  void kill(int rank);
  void gone(const RankGone& gone);  // the session says so
  void consumer_replaced(int stage, int replica);
  // Copies a trace of one of its ranks into a folder, and returns where it is then. path: there.
  Result<std::filesystem::path> fetch(const std::string& path, const std::filesystem::path& folder);
  // How its clock goes.
  SetClock clock() const;
  // Ends its ranks, and everything else that goes to that machine.
  void shutdown(std::chrono::milliseconds grace);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace limelight::actors
