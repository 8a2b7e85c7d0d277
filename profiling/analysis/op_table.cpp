#include "profiling/analysis/op_table.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace limelight::profiling {

namespace {

constexpr std::size_t name_width = 28;

struct Sorted {
  std::vector<OpTotal> rows;
  double all = 0;  // self time
};
Sorted sorted(const std::vector<OpTotal>& ops) {
  std::map<std::string, OpTotal> rows;
  Sorted made;
  for (const OpTotal& op : ops) {
    OpTotal& row = rows[op.name];
    row.name = op.name;
    row.calls += op.calls;
    row.total_ns += op.total_ns;
    row.self_ns += op.self_ns;
    made.all += static_cast<double>(op.self_ns);
  }
  made.all = std::max(made.all, 1.0);
  for (auto& [name, row] : rows) made.rows.push_back(std::move(row));
  std::stable_sort(made.rows.begin(), made.rows.end(),
                   [](const OpTotal& a, const OpTotal& b) { return a.self_ns > b.self_ns; });
  return made;
}

// Names of kernels are of any length, and some have line ends.
void add_name(const std::string& name, std::string& to) {
  const std::size_t begin = to.size();
  for (const char c : name) to += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  const std::size_t width = to.size() - begin;
  to.append(width < name_width ? name_width - width : 0, ' ');
}

}  // namespace

std::string op_table(const std::vector<OpTotal>& ops) {
  const Sorted of = sorted(ops);
  char line[256];
  std::snprintf(line, sizeof line, "%-28s %11s %12s %12s %12s %13s %10s\n", "Name", "Self CPU %",
                "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls");
  std::string out = line;
  for (const OpTotal& row : of.rows) {
    const auto self = static_cast<double>(row.self_ns), total = static_cast<double>(row.total_ns);
    std::snprintf(line, sizeof line, " %10.2f%% %10.3fms %11.2f%% %10.3fms %11.3fus %10lu\n",
                  self / of.all * 100, self / 1e6, total / of.all * 100, total / 1e6,
                  total / 1e3 / static_cast<double>(row.calls), row.calls);
    add_name(row.name, out);
    out += line;
  }
  return out;
}

std::string time_table(const char* what, const std::vector<OpTotal>& ops) {
  const Sorted of = sorted(ops);
  char line[256];
  const std::string of_what = what;
  std::snprintf(line, sizeof line, "%-28s %11s %12s %13s %10s\n", "Name", (of_what + " %").c_str(),
                (of_what + " time").c_str(), "time avg", "# of Calls");
  std::string out = line;
  for (const OpTotal& row : of.rows) {
    const auto time = static_cast<double>(row.self_ns);
    std::snprintf(line, sizeof line, " %10.2f%% %10.3fms %11.3fus %10lu\n", time / of.all * 100,
                  time / 1e6, time / 1e3 / static_cast<double>(row.calls), row.calls);
    add_name(row.name, out);
    out += line;
  }
  return out;
}

}  // namespace limelight::profiling
