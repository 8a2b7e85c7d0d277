#include "bench/about_run.hpp"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limelight/version.hpp>
#include <nlohmann/json.hpp>
#include <thread>

namespace limelight::bench {

namespace {

std::string name_of_cpu() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      if (const auto at = line.find(": "); at != std::string::npos) return line.substr(at + 2);
  return "unknown CPU";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

}  // namespace

std::string about_run(bool quick, const std::vector<std::string>& notes) {
  double load = 0;
  ::getloadavg(&load, 1);
  return nlohmann::ordered_json{
      {"cpu", name_of_cpu()}, {"cores", std::thread::hardware_concurrency()},
      {"load", load},         {"version", LIMELIGHT_VERSION},
      {"date", today()},      {"quick", quick},
      {"notes", notes}}
      .dump();
}

}  // namespace limelight::bench
