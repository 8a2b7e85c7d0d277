#include "profiling/analysis/op_table.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace limelight::profiling {

std::string op_table(const std::vector<OpTotal>& ops) {
  std::map<std::string, OpTotal> rows;
  double all = 0;
  for (const OpTotal& op : ops) {
    OpTotal& row = rows[op.name];
    row.name = op.name;
    row.calls += op.calls;
    row.total_ns += op.total_ns;
    row.self_ns += op.self_ns;
    all += static_cast<double>(op.self_ns);
  }
  all = std::max(all, 1.0);
  std::vector<OpTotal> sorted;
  for (auto& [name, row] : rows) sorted.push_back(std::move(row));
  std::sort(sorted.begin(), sorted.end(),
            [](const OpTotal& a, const OpTotal& b) { return a.self_ns > b.self_ns; });
  char line[256];
  std::snprintf(line, sizeof line, "%-28s %11s %12s %12s %12s %13s %10s\n", "Name", "Self CPU %",
                "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls");
  std::string out = line;
  for (const OpTotal& row : sorted) {
    const auto self = static_cast<double>(row.self_ns), total = static_cast<double>(row.total_ns);
    std::snprintf(line, sizeof line, " %10.2f%% %10.3fms %11.2f%% %10.3fms %11.3fus %10lu\n",
                  self / all * 100, self / 1e6, total / all * 100, total / 1e6,
                  total / 1e3 / static_cast<double>(row.calls), row.calls);
    // Names of kernels are of any length.
    (out += row.name).append(row.name.size() < 28 ? 28 - row.name.size() : 0, ' ') += line;
  }
  return out;
}

}  // namespace limelight::profiling
