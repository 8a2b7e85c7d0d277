// The names that the orchestrator and its ranks agree on.
//
// run: the name of the run, which no other pipeline of this machine has.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "ipc/window.hpp"

namespace limelight::actors {

// A replica of a stage, at one end of a channel.
struct ReplicaName {
  int stage = 0, replica = 0;
};
// Chunks from one replica to another, and from a replica to the user.
// input: the port of the receiving stage.
std::string topic_between(const std::string& run, ReplicaName from, ReplicaName to, int input);
std::string topic_to_user(const std::string& run, ReplicaName from);
// Attachments of requests, from the orchestrator to a replica.
std::string topic_of_attachment(const std::string& run, ReplicaName to, int input);
// Of the collectives of a replica's ranks. incarnation: how often its ranks were started before.
std::string group_name(const std::string& run, ReplicaName replica, int incarnation);
// By which the broker knows a rank's process.
std::string process_name(const std::string& run, int rank, int incarnation);
// Of a rank's flight recorder: there for the orchestrator also when the rank is gone.
std::filesystem::path flight_file(const std::string& run, int rank);
// What CAF calls this run when it greets. No secret: who may connect is decided before it greets.
std::string application_name(const std::string& run);
constexpr std::size_t user_window = 64;  // chunks to the user that may wait unread
// Attachments that may wait unread in one channel. A request has one, so fewer do.
constexpr std::size_t attachment_window = ipc::most_window;

}  // namespace limelight::actors
