#include "actors/pipeline/startup_request.hpp"

#include <sstream>
#include <vector>

#include "base/whole_number.hpp"

namespace limelight::actors {

// A line for each member; the folder comes last, as its name may have lines of its own.
std::string to_text(const StartupRequest& request) {
  std::ostringstream text;
  text << request.timestamp << "\n"
       << request.base_ns << "\n"
       << request.world_size << "\n"
       << request.stage_id << "\n"
       << request.replica << "\n"
       << request.num_replicas << "\n"
       << request.stage_name << "\n"
       << request.directory;
  return text.str();
}

std::optional<StartupRequest> read_startup_request(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines(7);
  for (std::string& line : lines)
    if (!std::getline(in, line)) return std::nullopt;
  StartupRequest request{.directory = {std::istreambuf_iterator<char>(in), {}},
                         .timestamp = lines[0],
                         .stage_name = lines[6]};
  const auto base_ns = whole_number<std::int64_t>(lines[1], 0);
  const auto world_size = whole_number<int>(lines[2], 1), stage_id = whole_number<int>(lines[3], 0),
             replica = whole_number<int>(lines[4], 0),
             num_replicas = whole_number<int>(lines[5], 1);
  if (!base_ns || !world_size || !stage_id || !replica || !num_replicas ||
      request.directory.empty())
    return std::nullopt;
  request.base_ns = *base_ns;
  request.world_size = *world_size;
  request.stage_id = *stage_id;
  request.replica = *replica;
  request.num_replicas = *num_replicas;
  return request;
}

}  // namespace limelight::actors
