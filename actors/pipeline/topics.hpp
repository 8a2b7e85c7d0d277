// The names that the orchestrator and its ranks agree on.
//
// run: the name of the run, which no other pipeline of this machine has.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace limelight::actors {

// Chunks from one stage to another, and from a stage to the user.
// input: the port of the receiving stage.
std::string topic_between(const std::string& run, int from_stage, int to_stage, int input = 0);
std::string topic_to_user(const std::string& run, int stage);
// Of a rank's flight recorder: there for the orchestrator also when the rank is gone.
std::filesystem::path flight_file(const std::string& run, int rank);
// What CAF calls this run when it greets. No secret: who may connect is decided before it greets.
std::string application_name(const std::string& run);
constexpr std::size_t user_window = 64;  // chunks to the user that may wait unread

}  // namespace limelight::actors
