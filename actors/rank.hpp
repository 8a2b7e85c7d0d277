// A rank: one process, one stage actor, one worker thread that owns the stage and its channels.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace limelight::actors {

struct RankOptions {
  std::filesystem::path config;
  int rank = 0;
  std::uint16_t port = 0;               // of the orchestrator, on loopback
  std::string run;                      // name of this run, part of all names in shared memory
  int lifeline_fd = -1;                 // closes when the orchestrator is gone, however it went
  std::chrono::milliseconds flight{0};  // what the flight recorder keeps; 0: it is off
  std::string token;                    // proves to the orchestrator that this peer is ours
};

// Serves until told to end. Returns the exit status; says on standard error what failed.
int run_rank(const RankOptions& options);

// Names that the orchestrator and its ranks agree on.
std::string topic_between(const std::string& run, int from_stage, int to_stage);
std::string topic_to_user(const std::string& run, int stage);
// Of a rank's flight recorder: there for the orchestrator also when the rank is gone.
std::filesystem::path flight_file(const std::string& run, int rank);
constexpr std::size_t user_window = 64;  // chunks to the user that may wait unread

}  // namespace limelight::actors
