#include "profiling/trace/session_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

Result<unsigned> parse_activities(std::string_view words) {
  constexpr std::pair<std::string_view, Activity> known[] = {{"cpu", Activity::cpu},
                                                             {"ipc", Activity::ipc},
                                                             {"actors", Activity::actors},
                                                             {"collectives", Activity::collectives},
                                                             {"gpu", Activity::gpu}};
  if (words.empty()) return all_activities;
  unsigned chosen = 0;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(','));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    const auto at = std::find_if(std::begin(known), std::end(known),
                                 [&](const auto& k) { return k.first == word; });
    if (at == std::end(known))
      return Error{ErrorCode::invalid_argument,
                   "activities: found '" + std::string(word) +
                       "', expected some of cpu,ipc,actors,collectives,gpu"};
    chosen |= static_cast<unsigned>(at->second);
  }
  return chosen;
}

std::string trace_file_name(const SessionOptions& options) {
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  return session_name(options) + "-rank-" + std::to_string(options.rank) + "." + host + "_" +
         std::to_string(options.pid != 0 ? options.pid : getpid()) + "_" +
         (options.stage_id < 0 ? "" : "stage" + std::to_string(options.stage_id) + "-") +
         options.stage_name + ".pt.trace." + options.profile.format;
}

}  // namespace limelight::profiling
