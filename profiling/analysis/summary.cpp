#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limelight/trace.hpp>
#include <map>
#include <set>

#include "base/try.hpp"
#include "profiling/analysis/chrome_trace_reader.hpp"
#include "profiling/analysis/op_table.hpp"
#include "profiling/analysis/self_time.hpp"
#include "profiling/analysis/slices.hpp"
#include "profiling/analysis/trace_line_reader.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

using nlohmann::json;

namespace {

struct Row {
  std::uint64_t calls = 0;
  std::int64_t total = 0, self = 0;
  double mean_us() const {
    return calls == 0 ? 0 : static_cast<double>(self) / static_cast<double>(calls) / 1000;
  }
};
using Rows = std::map<std::string, Row, std::less<>>;

// Adds a trace of Limelight, one event at a time; memory does not grow with the file.
Result<void> add_own(TraceLineReader& lines, Rows& rows, std::string& heads) {
  SelfTime self;
  for (;;) {
    const auto next = lines.next();
    if (!next) return next.error();
    if (!*next) break;
    const EventLine& e = **next;
    if (e.phase != 'X') continue;
    const std::string_view name = e.name.starts_with(event_names::step_prefix)
                                      ? e.arg("step of").value_or("ProfilerStep")
                                      : e.name;
    auto at = rows.find(name);
    if (at == rows.end()) at = rows.emplace(std::string(name), Row()).first;
    ++at->second.calls;
    at->second.total += e.duration_ns;
    // Device activity is listed in the order of its source, and does not nest.
    const bool nests = e.category == "cpu_op" || e.category == "user_annotation";
    at->second.self += nests ? self.add(e.pid, e.tid, e.begin_ns, e.duration_ns) : e.duration_ns;
  }
  const json own = json::parse(lines.own_json(), nullptr, false);
  heads +=
      lines.path().filename().string() + ": " + (own.is_discarded() ? "{}" : own.dump()) + "\n";
  return {};
}

// Adds the operations of a file to rows, and a line with what it states about itself to heads.
Result<void> add_file(const std::filesystem::path& file, Rows& rows, std::string& heads) {
  if (auto lines = TraceLineReader::open(file)) return add_own(*lines, rows, heads);
  std::map<Track, std::vector<Slice>> tracks;
  const auto head = read_chrome_trace(file, [&](const json& e, std::size_t line) {
    if (e.value("ph", "") != "X" || !e.contains("ts") || !e.contains("dur")) return;
    const std::int64_t begin = nanoseconds(e["ts"]);
    std::string name = e.value("name", "");
    if (name.starts_with(event_names::step_prefix))
      name = e.contains("args") ? e["args"].value("step of", "ProfilerStep") : "ProfilerStep";
    tracks[{e.value("pid", std::int64_t{0}), e.value("tid", std::int64_t{0})}].push_back(
        {begin, begin + nanoseconds(e["dur"]), line, std::move(name)});
  });
  if (!head) return head.error();
  heads +=
      file.filename().string() + ": " + head->keys.value("limelight", json::object()).dump() + "\n";
  for (auto& [track, slices] : tracks) {
    std::sort(slices.begin(), slices.end(), before);
    std::vector<const Slice*> open;
    for (const Slice& slice : slices) {
      while (!open.empty() && open.back()->end <= slice.begin) open.pop_back();
      if (!open.empty()) rows[open.back()->name].self -= slice.end - slice.begin;
      Row& row = rows[slice.name];
      ++row.calls;
      row.total += slice.end - slice.begin;
      row.self += slice.end - slice.begin;
      open.push_back(&slice);
    }
  }
  return {};
}

}  // namespace

Result<std::string> summary_table(const std::vector<std::filesystem::path>& files) {
  Rows rows;
  std::string heads;
  for (const auto& file : files) LIMELIGHT_TRY(add_file(file, rows, heads));
  std::vector<OpTotal> ops;
  for (const auto& [name, row] : rows)
    ops.push_back({name, row.calls, static_cast<std::uint64_t>(row.total),
                   static_cast<std::uint64_t>(std::max<std::int64_t>(row.self, 0))});
  return heads + "\n" + op_table(ops);
}

Result<std::string> diff_table(const std::vector<std::filesystem::path>& before,
                               const std::vector<std::filesystem::path>& after) {
  Rows old_rows, new_rows;
  std::string heads;
  for (const auto& file : before) LIMELIGHT_TRY(add_file(file, old_rows, heads));
  for (const auto& file : after) LIMELIGHT_TRY(add_file(file, new_rows, heads));
  std::set<std::string> names;
  for (const Rows* rows : {&old_rows, &new_rows})
    for (const auto& [name, row] : *rows) names.insert(name);
  std::vector<std::string> order(names.begin(), names.end());
  const auto change = [&](const std::string& name) {
    return std::abs(new_rows[name].self - old_rows[name].self);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return change(a) > change(b); });
  char line[256];
  std::snprintf(line, sizeof line, "%-32s %10s %10s %14s %14s %8s %16s\n", "Name", "Calls A",
                "Calls B", "Self avg A us", "Self avg B us", "B / A", "Self total B-A ms");
  std::string text = line;
  for (const std::string& name : order) {
    const Row &a = old_rows[name], &b = new_rows[name];
    char ratio[16] = "-";
    if (a.mean_us() > 0 && b.calls > 0)
      std::snprintf(ratio, sizeof ratio, "%.3f", b.mean_us() / a.mean_us());
    std::snprintf(line, sizeof line, " %10lu %10lu %14.3f %14.3f %8s %16.3f\n", a.calls, b.calls,
                  a.mean_us(), b.mean_us(), ratio, static_cast<double>(b.self - a.self) / 1e6);
    (text += name).append(name.size() < 32 ? 32 - name.size() : 0, ' ') += line;
  }
  return text;
}

}  // namespace limelight::profiling
