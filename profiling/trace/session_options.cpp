#include "profiling/trace/session_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "profiling/record/clock.hpp"
#include "profiling/trace/member_file.hpp"
#include "profiling/trace/perfetto_writer.hpp"
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

namespace {
// The ranges of the numbers: they come from users, by flags, configs and messages.
Result<void> check_limits(const ProfileOptions& profile) {
  constexpr std::uint64_t most = 1'000'000'000'000;  // ms: about 30 years
  constexpr std::int64_t most_ahead_s = 366 * 24 * 3600;
  const auto refuse = [](std::string key, const std::string& found, const std::string& expected) {
    key.append(": found ").append(found).append(", expected ").append(expected);
    return Error{ErrorCode::invalid_argument, std::move(key)};
  };
  const std::pair<const char*, std::uint64_t> numbers[] = {
      {"milliseconds", profile.milliseconds}, {"delay_steps", profile.delay_steps},
      {"wait_steps", profile.wait_steps},     {"warmup_steps", profile.warmup_steps},
      {"active_steps", profile.active_steps}, {"repeat", profile.repeat}};
  for (const auto& [key, number] : numbers)
    if (number > most) return refuse(key, std::to_string(number), "0 to " + std::to_string(most));
  if (profile.repeat != 1 && profile.active_steps == 0)
    return refuse("repeat", std::to_string(profile.repeat),
                  "1 where active_steps is 0, which is without an end");
  if (profile.start_at_ns == 0) return {};
  if (profile.start_at_ns < 0)
    return refuse("start_at_ns", std::to_string(profile.start_at_ns), "0 or more");
  const std::int64_t ahead = profile.start_at_ns - realtime_ns();
  if (ahead / 1'000'000'000 > most_ahead_s)
    return refuse("start_at_ns", std::to_string(profile.start_at_ns),
                  "a time within a year from now, in nanoseconds of CLOCK_REALTIME");
  if (ahead < 0)
    return Error{ErrorCode::late,
                 "the start time passed " + std::to_string(-ahead / 1000) + " us ago"};
  return {};
}
}  // namespace

Result<void> check_profile(const ProfileOptions& profile) {
  const bool plain = std::all_of(profile.prefix.begin(), profile.prefix.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  if (!plain)
    return Error{ErrorCode::invalid_argument,
                 "prefix: found '" + profile.prefix + "', expected letters, digits, _ and - only"};
  if (!profile.phase.empty() && profile.phase != "prefill" && profile.phase != "decode")
    return Error{ErrorCode::invalid_argument,
                 "phase: found '" + profile.phase + "', expected prefill or decode"};
  if (profile.format != "json.gz" && profile.format != "json.zst" &&
      profile.format != perfetto_format)
    return Error{ErrorCode::invalid_argument,
                 "format: found '" + profile.format + "', expected json.gz, json.zst or pftrace"};
  if (!profile.detail.empty() && profile.detail != "step" && profile.detail != "block" &&
      profile.detail != "op")
    return Error{ErrorCode::invalid_argument,
                 "detail: found '" + profile.detail + "', expected step, block or op"};
  if (const auto known = parse_activities(profile.activities); !known) return known.error();
  return check_limits(profile);
}

unsigned kinds_of_detail(std::string_view detail) {
  constexpr auto cpu = static_cast<unsigned>(Activity::cpu);
  if (detail == "step") return 0;
  return cpu |
         static_cast<unsigned>(detail == "block" ? Activity::block : Activity::small_operation);
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
                 where + ": a trace's name there would be longer than " + std::to_string(most) +
                     " characters: choose a shorter prefix (found one of " +
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
