#include <algorithm>
#include <cctype>
#include <limelight/trace.hpp>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "base/whole_number.hpp"
#include "profiling/analysis/chrome_trace_reader.hpp"
#include "profiling/analysis/slices.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

using nlohmann::json;

namespace {

class FileCheck {
 public:
  FileCheck(std::filesystem::path file, std::vector<std::string>& findings)
      : file_(std::move(file)), findings_(findings) {}

  void event(const json& e, std::size_t line) {
    const auto text = [&](const char* key) {
      return e.contains(key) && e[key].is_string() && !e[key].get<std::string>().empty();
    };
    const auto whole = [&](const char* key) {
      return e.contains(key) && e[key].is_number_integer();
    };
    const auto time = [&](const char* key) {
      return e.contains(key) && e[key].is_number() && e[key].get<double>() >= 0;
    };
    if (!text("ph")) return say(line, "key 'ph': expected the kind of the event");
    const std::string kind = e["ph"];
    if (!text("name")) say(line, "key 'name': expected a name");
    if (!whole("pid"))
      say(line, "key 'pid': expected a whole number (speedscope refuses anything else)");
    if (kind != "M" && !time("ts"))
      say(line, "key 'ts': expected microseconds since the base, 0 or more");
    if (kind == "s" || kind == "f") {
      if (!e.contains("id")) return say(line, "key 'id': found none, expected one in a flow event");
      if (kind == "f" && e.value("bp", "") != "e")
        say(line, "key 'bp': expected \"e\" in the end of a flow");
    }
    if (kind != "X") return;
    ++slices_;
    if (!text("cat")) say(line, "key 'cat': expected a category in every slice");
    if (!time("dur")) return say(line, "key 'dur': expected microseconds, 0 or more");
    if (!whole("tid") || !whole("pid") || !time("ts"))
      return say(line, "key 'tid': expected a whole number");
    const std::int64_t begin = nanoseconds(e["ts"]);
    tracks_[{e["pid"], e["tid"]}].push_back(
        {begin, begin + nanoseconds(e["dur"]), line, e.value("name", "")});
  }

  void finish(const TraceHead& head) {
    if (head.keys.value("schemaVersion", json()) != 1) say(1, "key 'schemaVersion': expected 1");
    for (const char* key :
         {"deviceProperties", "host_name", "distributedInfo", "baseTimeNanoseconds", "traceName"})
      if (!head.keys.contains(key))
        say(1, std::string("key '") + key + "': missing at the top level");
    // Some readers depend on the order of the keys in PyTorch's own files.
    std::size_t last_at = 0;
    for (const char* key : {"schemaVersion", "deviceProperties", "host_name", "distributedInfo",
                            "displayTimeUnit", "baseTimeNanoseconds", "traceEvents"}) {
      const std::size_t at = head.text.find("\"" + std::string(key) + "\":");
      if (at == std::string::npos)
        continue;  // missing (reported above), or after the kept part of the text
      if (at < last_at)
        say(1, std::string("key '") + key + "': found after a key that it should precede");
      last_at = at;
    }
    std::smatch match;
    // HolisticTraceAnalysis finds the rank by this pattern. In compact JSON it finds none, and
    // assumes rank 0.
    if (std::regex_search(head.text, match, std::regex(R"("rank":\s+(\d+))")))
      rank = whole_number<std::int64_t>(match[1].str());
    if (!rank)
      say(1,
          "key 'distributedInfo.rank': found none near the top, expected '\"rank\": <number>' "
          "with a space after the colon");
    // The TensorBoard plugin mistakes a host id of digits only for a time stamp.
    const std::string name = file_.filename();
    if (std::regex_search(name, match, std::regex(R"(-rank-(\d+)\.(.+)\.pt\.trace\.json)"))) {
      if (rank && whole_number<std::int64_t>(match[1].str()) != *rank)
        say(1, "found rank " + std::to_string(*rank) + " in the file, expected " + match[1].str() +
                   ", the rank in its name");
      const std::string host = match[2];
      if (std::all_of(host.begin(), host.end(),
                      [](unsigned char c) { return std::isdigit(c) != 0; }))
        say(1, "the file's name: found host '" + host + "', expected one that is not all digits");
    }
    const json base_key = head.keys.value("baseTimeNanoseconds", json());
    if (base_key.is_number_integer()) base = base_key.get<std::int64_t>();
    const json own = head.keys.value("limelight", json());
    if (!own.is_object())
      say(1, "key 'limelight': missing, so the trace does not state its losses");
    else own_keys(own);
    const json named = own.is_object() ? own.value("session", json()) : json();
    session = named.is_string() ? named.get<std::string>() : session_name_of(name);
    merged = own.is_object() && own.value("merged", json()) == true;
    if (own.is_object() && own.contains("events") && own["events"] != slices_)
      say(1, "key 'limelight.events': found " + own["events"].dump() + ", expected " +
                 std::to_string(slices_) + ", the number of slices");
    for (auto& [track, slices] : tracks_) {
      std::sort(slices.begin(), slices.end(), before);
      std::vector<const Slice*> open;
      for (const Slice& slice : slices) {
        while (!open.empty() && open.back()->end <= slice.begin) open.pop_back();
        if (!open.empty() && slice.end > open.back()->end)
          say(slice.line, "slice '" + slice.name + "' overlaps '" + open.back()->name +
                              "' of line " + std::to_string(open.back()->line) + " on tid " +
                              std::to_string(track.second) + ": slices of a thread must nest");
        open.push_back(&slice);
      }
    }
  }

  std::optional<std::int64_t> rank, base;
  std::string session;  // empty: unknown (an old file that was renamed)
  bool merged = false;  // it has all ranks, so `rank` means nothing

 private:
  // A trace must have exactly the keys of trace_keys().
  void own_keys(const json& own) {
    for (const TraceKey& entry : trace_keys())
      if (entry.presence == TraceKey::Presence::always && !own.contains(entry.key))
        say(1, "key 'limelight." + std::string(entry.key) +
                   "': missing; a trace must state what it lost and cost");
    const auto known = trace_keys();
    for (const auto& member : own.items())
      if (std::none_of(known.begin(), known.end(),
                       [&member](const TraceKey& entry) { return entry.key == member.key(); }))
        say(1, "key 'limelight." + member.key() + "': found an unknown key");
  }
  void say(std::size_t line, const std::string& what) {
    if (++said_ <= 20)
      findings_.push_back(file_.string() + ":" + std::to_string(line) + ": " + what);
  }
  std::filesystem::path file_;
  std::vector<std::string>& findings_;
  std::map<Track, std::vector<Slice>> tracks_;
  std::uint64_t slices_ = 0;
  int said_ = 0;
};

}  // namespace

std::vector<std::string> validate(const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> findings;
  std::map<std::pair<std::string, std::int64_t>, std::filesystem::path> ranks;  // by session
  std::set<std::int64_t> bases;
  for (const auto& file : files) {
    FileCheck check(file, findings);
    const auto head = read_chrome_trace(
        file, [&](const json& event, std::size_t line) { check.event(event, line); });
    if (!head) {
      findings.push_back(head.error().message);
      continue;
    }
    check.finish(*head);
    if (check.base) bases.insert(*check.base);
    if (!check.rank || check.merged) continue;
    const auto [at, fresh] = ranks.emplace(std::pair(check.session, *check.rank), file);
    if (!fresh)
      findings.push_back(
          file.string() + ": has rank " + std::to_string(*check.rank) + " of " +
          (check.session.empty() ? "an unknown session" : "session '" + check.session + "'") +
          ", and so has " + at->second.string() + ": expected one file of each rank in a session");
  }
  if (bases.size() > 1)
    findings.push_back(
        "the files have different values of baseTimeNanoseconds, expected the same in all");
  return findings;
}

}  // namespace limelight::profiling
