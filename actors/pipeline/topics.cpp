#include "actors/pipeline/topics.hpp"

namespace limelight::actors {

namespace {
std::string text(ReplicaName name) {
  return std::to_string(name.stage) + "-" + std::to_string(name.replica);
}
}  // namespace

std::string topic_between(const std::string& run, ReplicaName from, ReplicaName to, int input) {
  return run + "." + text(from) + "." + text(to) + "." + std::to_string(input);
}
std::string topic_to_user(const std::string& run, ReplicaName from) {
  return run + "." + text(from) + ".user";
}
std::string topic_of_attachment(const std::string& run, ReplicaName to, int input) {
  return run + ".request." + text(to) + "." + std::to_string(input);
}
std::string group_name(const std::string& run, ReplicaName replica, int incarnation) {
  return "limelight-" + run + "-stage" + text(replica) + "-" + std::to_string(incarnation);
}
std::string process_name(const std::string& run, int rank, int incarnation) {
  return "limelight-" + run + "-rank" + std::to_string(rank) + "-" + std::to_string(incarnation);
}

std::filesystem::path flight_file(const std::string& run, int rank) {
  return "/dev/shm/limelight-" + run + "-flight" + std::to_string(rank);
}

std::string application_name(const std::string& run) { return "limelight-" + run; }

}  // namespace limelight::actors
