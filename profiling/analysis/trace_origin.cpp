#include "profiling/analysis/trace_origin.hpp"

#include <charconv>
#include <regex>

#include "profiling/analysis/json_members.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

namespace {

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  text = without_quotes(text);
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc{} && end == text.data() + text.size() ? std::optional(number)
                                                                   : std::nullopt;
}

std::string_view value_of(const TraceKeys& keys, std::string_view key) {
  const auto at = keys.find(key);
  return at == keys.end() ? std::string_view() : std::string_view(at->second);
}

std::string program_of(const TraceKeys& keys) {
  const auto has = [&](const char* key) { return keys.contains(key); };
  if (has("limelight_clock") || has("limelight")) return "Limelight";
  if (has("perfetto")) return "Perfetto";
  if (has("beginningOfTime")) return "Clang";
  if (value_of(keys, "otherData").find("bazel") != std::string::npos) return "Bazel";
  if (has("viztracer_metadata")) return "viztracer";
  if (has("schemaVersion") || has("deviceProperties") || has("distributedInfo")) return "PyTorch";
  if (has("systemTraceEvents") || value_of(keys, "metadata").find("chrome") != std::string::npos ||
      value_of(keys, "metadata").find("DevTools") != std::string::npos)
    return "Chrome";
  return "";
}

std::optional<int> rank_in(const std::string& name) {
  static const std::regex patterns[] = {std::regex("rank[-_]?([0-9]{1,6})(?![0-9])"),
                                        std::regex("[-_]TP[-_]?([0-9]{1,6})(?![0-9])")};
  for (const std::regex& pattern : patterns)
    if (std::smatch match; std::regex_search(name, match, pattern))
      return number_of<int>(match[1].str());
  return std::nullopt;
}

std::string stage_in(const std::string& name) {
  static const std::regex pattern("stage[-_]?(-?[0-9]{1,6})(-([A-Za-z0-9_]+))?");
  std::smatch match;
  if (!std::regex_search(name, match, pattern)) return "";
  return match[1].str() + (match[3].matched ? " " + match[3].str() : "");
}

std::string session_in(const std::string& name, const std::string& folder) {
  if (std::string own = session_name_of(name); !own.empty()) return own;
  static const std::regex sglang("^(.+?)-TP-[0-9]+"), omni("^(.+?)_stage[0-9]+_rank[0-9]+");
  if (std::smatch match; std::regex_search(name, match, sglang)) return match[1].str();
  if (std::smatch match; std::regex_search(folder, match, omni)) return match[1].str();
  return "";
}

}  // namespace

std::string session_of_own(const TraceKeys& keys) {
  const auto session = json_member(value_of(keys, "limelight"), "session");
  return session && session->front() == '"' ? text_of_json(*session) : "";
}

TraceOrigin origin_of(const TraceKeys& keys, const std::filesystem::path& file) {
  TraceOrigin origin;
  const std::string name = file.filename().string(),
                    folder = file.parent_path().filename().string();
  origin.program = program_of(keys);
  origin.merged = value_of(keys, "host_name") == "\"merged\"" ||
                  json_member(value_of(keys, "limelight"), "merged") == "true";
  origin.limelight = origin.program == "Limelight" || origin.merged;
  const std::string_view distributed = value_of(keys, "distributedInfo");
  const auto in_distributed = [&](std::string_view key) {
    return distributed.starts_with('{') ? json_member(distributed, key) : std::nullopt;
  };
  if (const auto rank = in_distributed("rank")) origin.rank = number_of<int>(*rank);
  if (const auto backend = in_distributed("backend"); backend && backend->front() == '"')
    origin.backend = text_of_json(*backend);
  if (const auto groups = in_distributed("pg_config"); groups && groups->front() == '[')
    origin.groups_json = *groups;
  if (!origin.rank) origin.rank = rank_in(name);
  if (!origin.rank) origin.rank = rank_in(folder);
  if (origin.rank && *origin.rank < 0) origin.rank.reset();
  if (origin.merged) origin.rank.reset();
  origin.stage = stage_in(name);
  if (origin.stage.empty()) origin.stage = stage_in(folder);
  origin.session = session_of_own(keys);
  if (origin.session.empty()) origin.session = session_in(name, folder);
  origin.base_ns = number_of<std::int64_t>(value_of(keys, "baseTimeNanoseconds"));
  if (!origin.base_ns && value_of(keys, "viztracer_metadata").starts_with('{'))
    if (const auto base = json_member(value_of(keys, "viztracer_metadata"), "baseTimeNanoseconds"))
      origin.base_ns = number_of<std::int64_t>(*base);
  // Clang's -ftime-trace says it in microseconds.
  if (const auto begin = number_of<std::int64_t>(value_of(keys, "beginningOfTime"));
      begin && !origin.base_ns && *begin >= 0 && *begin < INT64_MAX / 1000)
    origin.base_ns = *begin * 1000;
  return origin;
}

}  // namespace limelight::profiling
