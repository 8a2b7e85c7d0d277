// A rank: one process, one stage actor, one worker thread that owns the stage and its channels.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "actors/pipeline/topics.hpp"

namespace limelight::actors {

struct RankOptions {
  std::filesystem::path config;
  int rank = 0;
  std::filesystem::path control;        // the socket where the orchestrator listens
  std::string run;                      // name of this run, part of all names in shared memory
  int incarnation = 0;                  // how often this rank was started before
  std::vector<ReplicaName> absent;      // replicas that are down
  int lifeline_fd = -1;                 // closes when the orchestrator is gone, however it went
  std::chrono::milliseconds flight{0};  // what the flight recorder keeps; 0: it is off
  std::size_t flight_records = 0;       // at most so many; 0: as many as it is made for
};

// Serves until told to end. Returns the exit status; says on standard error what failed.
int run_rank(const RankOptions& options);

}  // namespace limelight::actors
