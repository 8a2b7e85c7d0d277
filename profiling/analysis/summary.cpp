#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "base/try.hpp"
#include "profiling/analysis/foreign_slices.hpp"
#include "profiling/analysis/op_table.hpp"
#include "profiling/analysis/self_time.hpp"
#include "profiling/analysis/trace_line_reader.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

using nlohmann::json;

namespace {

struct Tables {
  NamedTotals cpu, device, async;
  std::string heads;  // a line for each file: what it states about itself, or what is in it
  std::uint64_t slices = 0;
};

// Adds a trace of Limelight, one event at a time; memory does not grow with the file.
Result<void> add_own(TraceLineReader& lines, Tables& tables) {
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
    // What CUPTI reports is listed in the order of its source, and does not nest.
    const bool nests = e.category == "cpu_op" || e.category == "user_annotation";
    NamedTotals& rows = is_device_category(e.category) ? tables.device : tables.cpu;
    auto at = rows.find(name);
    if (at == rows.end()) at = rows.emplace(std::string(name), SliceTotals::Total()).first;
    ++tables.slices;
    ++at->second.calls;
    at->second.total_ns += e.duration_ns;
    at->second.self_ns += nests ? self.add(e.pid, e.tid, e.begin_ns, e.duration_ns) : e.duration_ns;
  }
  const json own = json::parse(lines.own_json(), nullptr, false);
  tables.heads +=
      lines.path().filename().string() + ": " + (own.is_discarded() ? "{}" : own.dump()) + "\n";
  return {};
}

void add(const NamedTotals& from, NamedTotals& to) {
  for (const auto& [name, total] : from) {
    SliceTotals::Total& row = to[name];
    row.calls += total.calls;
    row.self_ns += total.self_ns;
    row.total_ns += total.total_ns;
  }
}
void add(const Tables& from, Tables& to) {
  add(from.cpu, to.cpu);
  add(from.device, to.device);
  add(from.async, to.async);
  to.heads += from.heads;
  to.slices += from.slices;
}

Result<void> add_file(const std::filesystem::path& file, Tables& tables) {
  if (auto lines = TraceLineReader::open(file)) {
    // One that another program has written anew looks like ours at its beginning.
    Tables own;
    if (add_own(*lines, own)) {
      add(own, tables);
      return {};
    }
  }
  auto read = read_foreign_slices(file);
  if (!read) return read.error();
  add({read->cpu, read->device, read->async, read->text(file) + "\n", read->slices}, tables);
  return {};
}

std::vector<OpTotal> ops_of(const NamedTotals& rows) {
  std::vector<OpTotal> ops;
  for (const auto& [name, row] : rows)
    ops.push_back({name, row.calls, static_cast<std::uint64_t>(row.total_ns),
                   static_cast<std::uint64_t>(std::max<std::int64_t>(row.self_ns, 0))});
  return ops;
}

double mean_us(const SliceTotals::Total& row) {
  return row.calls == 0 ? 0
                        : static_cast<double>(row.self_ns) / static_cast<double>(row.calls) / 1000;
}

}  // namespace

Result<std::string> summary_table(const std::vector<std::filesystem::path>& files) {
  Tables tables;
  for (const auto& file : files) LIMELIGHT_TRY(add_file(file, tables));
  if (tables.slices == 0)
    return Error{
        ErrorCode::corrupt,
        tables.heads + "found no slice in any of the files, expected events with a duration"};
  std::string text = tables.heads;
  if (!tables.cpu.empty()) text.append("\n").append(op_table(ops_of(tables.cpu)));
  if (!tables.device.empty()) text.append("\n").append(time_table("Device", ops_of(tables.device)));
  if (!tables.async.empty()) text.append("\n").append(time_table("Async", ops_of(tables.async)));
  return text;
}

Result<std::string> diff_table(const std::vector<std::filesystem::path>& before,
                               const std::vector<std::filesystem::path>& after) {
  Tables old_tables, new_tables;
  for (const auto& file : before) LIMELIGHT_TRY(add_file(file, old_tables));
  for (const auto& file : after) LIMELIGHT_TRY(add_file(file, new_tables));
  NamedTotals old_rows, new_rows;
  for (const auto& [tables, rows] :
       {std::pair(&old_tables, &old_rows), std::pair(&new_tables, &new_rows)})
    for (const NamedTotals* part : {&tables->cpu, &tables->device, &tables->async})
      add(*part, *rows);
  std::set<std::string> names;
  for (const NamedTotals* rows : {&old_rows, &new_rows})
    for (const auto& [name, row] : *rows) names.insert(name);
  if (names.empty())
    return Error{ErrorCode::corrupt, old_tables.heads + new_tables.heads +
                                         "found no slice in any of the files, expected events with "
                                         "a duration"};
  std::vector<std::string> order(names.begin(), names.end());
  const auto change = [&](const std::string& name) {
    return std::abs(new_rows[name].self_ns - old_rows[name].self_ns);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return change(a) > change(b); });
  char line[256];
  std::snprintf(line, sizeof line, "%-32s %10s %10s %14s %14s %8s %16s\n", "Name", "Calls A",
                "Calls B", "Self avg A us", "Self avg B us", "B / A", "Self total B-A ms");
  std::string text = line;
  for (const std::string& name : order) {
    const SliceTotals::Total &a = old_rows[name], &b = new_rows[name];
    char ratio[16] = "-";
    if (mean_us(a) > 0 && b.calls > 0)
      std::snprintf(ratio, sizeof ratio, "%.3f", mean_us(b) / mean_us(a));
    std::snprintf(line, sizeof line, " %10lu %10lu %14.3f %14.3f %8s %16.3f\n", a.calls, b.calls,
                  mean_us(a), mean_us(b), ratio, static_cast<double>(b.self_ns - a.self_ns) / 1e6);
    (text += name).append(name.size() < 32 ? 32 - name.size() : 0, ' ') += line;
  }
  return text;
}

}  // namespace limelight::profiling
