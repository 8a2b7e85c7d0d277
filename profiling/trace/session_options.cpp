#include "profiling/trace/session_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "profiling/record/clock.hpp"
#include "profiling/trace/member_file.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

namespace fs = std::filesystem;

namespace {
constexpr std::size_t number_characters = 5;  // that a free name may need, such as ".1000"
}

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

std::string session_timestamp() {
  static std::atomic<std::int64_t> last{0};
  const std::int64_t now = realtime_ns() / 1'000'000;
  std::int64_t before = last.load();
  while (!last.compare_exchange_weak(before, std::max(now, before + 1))) {}
  return std::to_string(std::max(now, before + 1));
}

std::string plain_name(std::string_view text) {
  std::string plain(text);
  for (char& c : plain) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!good) c = '-';
  }
  return plain;
}

Result<fs::path> trace_folder(const fs::path& asked) {
  const std::string text = asked.string();
  const auto refuse = [&](const std::string& expected) {
    return Error{ErrorCode::invalid_argument,
                 "the folder for traces: found '" + text + "', expected " + expected};
  };
  const std::size_t scheme = text.find("://");
  if (scheme != std::string::npos && scheme > 0 && text.find('/') > scheme)
    return refuse(
        "a folder of this machine: write the traces to one, and copy the finished files to "
        "that place with its own tool");
  if (!text.starts_with('~')) return asked;
  if (text.size() > 1 && text[1] != '/')
    return refuse("the full path of that home folder; ~ stands for your own alone");
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0')
    return refuse("a full path, because the variable HOME is not set");
  return fs::path(home) / fs::path(text.substr(std::min<std::size_t>(text.size(), 2)));
}

Result<void> prepare_folder(SessionOptions& options) {
  auto folder = trace_folder(options.directory);
  if (!folder) return folder.error();
  options.directory = std::move(folder).value();
  const std::string where = options.directory.string();
  std::error_code failed;
  fs::create_directories(options.directory, failed);
  if (failed)
    return Error{ErrorCode::io, where + ": cannot make the trace directory: " + failed.message()};
  if (::access(options.directory.c_str(), W_OK | X_OK) != 0)
    return Error{ErrorCode::io, where + ": cannot write traces there: " + std::strerror(errno)};
  const long most = ::pathconf(options.directory.c_str(), _PC_NAME_MAX);
  const std::size_t length = part_of(trace_file_name(options)).string().size() + number_characters;
  if (most > 0 && length > static_cast<std::size_t>(most))
    return Error{ErrorCode::invalid_argument,
                 where + ": a trace's name there would have " + std::to_string(length) +
                     " characters, expected at most " + std::to_string(most) +
                     ": choose a shorter prefix (found one of " +
                     std::to_string(options.profile.prefix.size()) + ")"};
  return {};
}

std::string trace_file_name(const SessionOptions& options) {
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  return session_name(options) + "-rank-" + std::to_string(options.rank) + "." + plain_name(host) +
         "_" + std::to_string(options.pid != 0 ? options.pid : getpid()) + "_" +
         (options.stage_id < 0 ? "" : "stage" + std::to_string(options.stage_id) + "-") +
         plain_name(options.stage_name) + ".pt.trace." + options.profile.format;
}

}  // namespace limelight::profiling
