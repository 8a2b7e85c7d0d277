#include "profiling/analysis/own_check.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>

#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

using nlohmann::json;

namespace {

class OwnCheck {
 public:
  explicit OwnCheck(ReaderFindings& findings) : findings_(findings) {}

  void order(const TraceKeys& keys, std::string_view head) {
    const auto version = keys.find("schemaVersion");
    if (version == keys.end() || version->second != "1") say("key 'schemaVersion': expected 1");
    for (const char* key :
         {"deviceProperties", "host_name", "distributedInfo", "baseTimeNanoseconds", "traceName"})
      if (!keys.contains(key)) say(std::string("key '") + key + "': missing at the top level");
    // Some readers depend on the order of the keys in PyTorch's own files.
    std::size_t last_at = 0;
    for (const char* key : {"schemaVersion", "deviceProperties", "host_name", "distributedInfo",
                            "displayTimeUnit", "baseTimeNanoseconds", "traceEvents"}) {
      const std::size_t at = head.find("\"" + std::string(key) + "\":");
      if (at == std::string::npos)
        continue;  // missing (reported above), or after the kept part of the text
      if (at < last_at)
        say(std::string("key '") + key + "': found after a key that it should precede");
      last_at = at;
    }
  }

  void rank(std::string_view head, const std::filesystem::path& file) {
    std::cmatch match;
    std::optional<std::int64_t> rank;
    // HolisticTraceAnalysis finds the rank by this pattern. In compact JSON it finds none, and
    // assumes rank 0.
    if (std::regex_search(head.data(), head.data() + head.size(), match,
                          std::regex(R"("rank":\s+(\d{1,9}))")))
      rank = std::stoll(match[1]);
    else
      findings_.add(hta | limelight_itself, ReaderFindings::Effect::loses, 1,
                    "key 'distributedInfo.rank': found none near the top, expected '\"rank\": "
                    "<number>' with a space after the colon");
    name(rank, file);
  }

  void name(const std::optional<std::int64_t>& rank, const std::filesystem::path& file) {
    // The TensorBoard plugin mistakes a host id of digits only for a time stamp.
    const std::string name = file.filename();
    std::smatch named;
    if (!std::regex_search(name, named,
                           std::regex(R"(-rank-(\d{1,9})\.(.+)\.pt\.trace\.(json|pftrace))")))
      return;
    if (rank && std::stoll(named[1]) != *rank)
      say("found rank " + std::to_string(*rank) + " in the file, expected " + named[1].str() +
          ", the rank in its name");
    const std::string host = named[2];
    if (std::all_of(host.begin(), host.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
      say("the file's name: found host '" + host + "', expected one that is not all digits");
  }

  // A trace must have exactly the keys of trace_keys().
  void statement(const TraceKeys& keys, std::uint64_t slices) {
    const auto at = keys.find("limelight");
    const json own = at == keys.end() ? json() : json::parse(at->second, nullptr, false);
    if (!own.is_object())
      return say("key 'limelight': missing, so the trace does not state its losses");
    const auto known = trace_keys();
    for (const TraceKey& entry : known)
      if (entry.presence == TraceKey::Presence::always && !own.contains(entry.key))
        say("key 'limelight." + std::string(entry.key) +
            "': missing; a trace must state what it lost and cost");
    for (const auto& member : own.items())
      if (std::none_of(known.begin(), known.end(),
                       [&member](const TraceKey& entry) { return entry.key == member.key(); }))
        say("key 'limelight." + member.key() + "': found an unknown key");
    if (own.contains("events") && own["events"] != slices)
      say("key 'limelight.events': found " + own["events"].dump() + ", expected " +
          std::to_string(slices) + ", the number of slices");
  }

 private:
  void say(const std::string& what) {
    findings_.add(limelight_itself, ReaderFindings::Effect::loses, 1, what);
  }
  ReaderFindings& findings_;
};

}  // namespace

void check_own(const TraceKeys& keys,
               std::string_view head,
               std::uint64_t slices,
               const std::filesystem::path& file,
               ReaderFindings& findings) {
  OwnCheck check(findings);
  check.order(keys, head);
  check.rank(head, file);
  check.statement(keys, slices);
}

void check_statement(const TraceKeys& keys,
                     std::uint64_t slices,
                     const std::filesystem::path& file,
                     ReaderFindings& findings) {
  OwnCheck check(findings);
  const TraceOrigin origin = origin_of(keys, file);
  check.name(origin.rank, file);
  check.statement(keys, slices);
}

}  // namespace limelight::profiling
