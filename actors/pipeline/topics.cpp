#include "actors/pipeline/topics.hpp"

namespace limelight::actors {

std::string topic_between(const std::string& run, int from_stage, int to_stage, int input) {
  return run + "." + std::to_string(from_stage) + "." + std::to_string(to_stage) +
         (input == 0 ? "" : "." + std::to_string(input));
}
std::string topic_to_user(const std::string& run, int stage) {
  return run + "." + std::to_string(stage) + ".user";
}

std::filesystem::path flight_file(const std::string& run, int rank) {
  return "/dev/shm/limelight-" + run + "-flight" + std::to_string(rank);
}

std::string application_name(const std::string& run) { return "limelight-" + run; }

}  // namespace limelight::actors
