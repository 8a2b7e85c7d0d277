#include "bench/peer.hpp"

#include <cstdio>
#include <cstdlib>

namespace limelight::bench {

std::optional<nlohmann::json> run_peer(const std::string& script, const std::vector<std::string>& arguments) {
  const char* python = std::getenv("LIMELIGHT_PYTHON");
  std::string command = std::string(python != nullptr ? python : "python3") + " '" LIMELIGHT_PEERS "/" + script + "'";
  for (const std::string& word : arguments) command += " '" + word + "'";
  FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string text;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  if (::pclose(pipe) != 0) return std::nullopt;
  auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

}  // namespace limelight::bench
