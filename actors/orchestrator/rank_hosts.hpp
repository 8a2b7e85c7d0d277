// The machines that a pipeline's ranks run on: this one, by the launcher, and others, by their
// nodes. To the engine it is one launcher of all ranks; see launcher.hpp for what each call means.
#pragma once

#include <filesystem>
#include <functional>
#include <limelight/config.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/orchestrator/launcher.hpp"
#include "actors/orchestrator/node_link.hpp"

namespace limelight::actors {

class RankHosts {
 public:
  RankHosts(std::filesystem::path run_folder, std::function<void(const RankDeath&)> on_death);

  struct Nodes {
    caf::actor_system* system = nullptr;
    OrchestratorActor orchestrator;
    std::filesystem::path token_file;
  };
  // config outlives this object. Errors: those of the launcher and of the nodes; invalid_argument
  // (nodes without a token, or with something that they cannot do).
  Result<void> start(const RankProgram& program,
                     const stages::PipelineConfig& config,
                     const Nodes& nodes);
  Result<void> restart(int rank, int incarnation, const std::string& absent);
  void kill(int rank);
  void shutdown(std::chrono::milliseconds grace);
  std::string log_tail(int rank) const;
  bool started(pid_t pid) const { return launcher_.started(pid); }
  int pid(int rank) const;  // on its machine
  bool is_here(int rank) const { return link_of(rank) == nullptr; }

  void gone(const RankGone& gone);
  // The consumer of channels is another process now; on all machines.
  void consumer_replaced(int stage, int replica);
  // Copies a trace that lies on another machine into a folder; see NodeLink::fetch().
  // file: one that the trace names.
  Result<std::filesystem::path> fetch(const RankTrace& trace,
                                      const std::string& file,
                                      const std::filesystem::path& folder);

 private:
  NodeLink* link_of(int rank) const;

  std::function<void(const RankDeath&)> on_death_;
  Launcher launcher_;
  std::vector<std::unique_ptr<NodeLink>> links_;  // by start() alone
};

}  // namespace limelight::actors
