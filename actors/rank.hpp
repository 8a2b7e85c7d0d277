// A rank: one process, one stage actor, one worker thread that owns the stage and its channels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace limelight::actors {

struct RankOptions {
  std::filesystem::path config;
  int rank = 0;
  std::uint16_t port = 0;      // of the orchestrator, on loopback
  int orchestrator_pid = 0;    // part of all names in shared memory
  int lifeline_fd = -1;        // closes when the orchestrator is gone, however it went
  std::string token;           // proves to the orchestrator that this peer is ours
};

// Serves until told to end. Returns the exit status; says on standard error what failed.
int run_rank(const RankOptions& options);

// Names that the orchestrator and its ranks agree on.
std::string topic_between(int orchestrator_pid, int from_stage, int to_stage);
std::string topic_to_user(int orchestrator_pid, int stage);

}  // namespace limelight::actors
