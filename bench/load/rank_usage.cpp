#include "bench/load/rank_usage.hpp"

#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace limelight::bench {

ProcessUsage usage_of(int pid) {
  ProcessUsage usage;
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream status(folder + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) usage.peak_mb = std::stod(line.substr(6)) / 1024;
  // Fields 14 and 15 of proc(5); the name before them, in brackets, may hold blanks.
  std::string stat;
  std::getline(std::ifstream(folder + "/stat"), stat);
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return usage;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  usage.cpu_s = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return usage;
}

nlohmann::ordered_json usage_json(const std::vector<ProcessUsage>& before,
                                  const std::vector<ProcessUsage>& after) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (std::size_t rank = 0; rank < after.size(); ++rank) {
    nlohmann::ordered_json one{{"rank", rank},
                               {"cpu_s", after[rank].cpu_s - before[rank].cpu_s},
                               {"peak_memory_mb", after[rank].peak_mb}};
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace limelight::bench
