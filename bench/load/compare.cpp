#include "bench/load/compare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/try.hpp"
#include "bench/load/sample.hpp"

namespace limelight::bench {

using nlohmann::ordered_json;

namespace {

constexpr double confidence = 0.99;
constexpr std::size_t least_runs = 3;

struct Row {
  std::string name = {};
  double before = 0, after = 0;
  std::optional<double> half_width = {};  // of after - before; none: no spread is known
  std::string how = {};
  bool more_is_better = false;

  double change() const { return after - before; }
  std::string verdict() const {
    if (!half_width) return "unknown: too few runs";
    if (std::abs(change()) <= *half_width) return "no difference";
    if (name == "audio_duration_s") return "differs";
    return (change() > 0) == more_is_better ? "better" : "worse";
  }
};

Result<ordered_json> read(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) return Error{ErrorCode::not_found, path.string() + ": cannot open"};
  ordered_json all = ordered_json::parse(in, nullptr, false);
  if (all.is_discarded() || !all.is_object())
    return Error{ErrorCode::invalid_argument,
                 path.string() +
                     ": is no JSON object, expected a result of limelight bench or of "
                     "vllm bench"};
  return all;
}

// The runs of a file; a result of another program is one.
std::vector<ordered_json> runs_of(const ordered_json& all) {
  std::vector<ordered_json> runs;
  if (all.contains("runs") && all["runs"].is_array())
    for (const ordered_json& run : all["runs"]) runs.push_back(run);
  if (runs.empty()) runs.push_back(all);
  return runs;
}

Result<std::vector<ordered_json>> read(const std::vector<std::filesystem::path>& files) {
  std::vector<ordered_json> runs;
  for (const auto& file : files) {
    const auto all = read(file);
    if (!all) return all.error();
    for (ordered_json& run : runs_of(*all)) runs.push_back(std::move(run));
  }
  return runs;
}

// The values of a metric in all runs. Empty: some run lacks it.
std::vector<double> values_of(const std::vector<ordered_json>& runs, const std::string& name) {
  std::vector<double> values;
  for (const ordered_json& run : runs) {
    if (!run.contains(name) || !run[name].is_number()) return {};
    values.push_back(run[name].get<double>());
  }
  return values;
}

Row paired(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(b[i] - a[i]);
  const Sample sample(differences);
  Row row{.before = Sample(a).mean(), .after = Sample(b).mean(), .how = "pairs"};
  const double others = static_cast<double>(differences.size()) - 1;
  if (differences.size() >= least_runs)
    row.half_width = student_quantile(others, confidence) * sample.deviation() / std::sqrt(others);
  return row;
}

Row unpaired(const std::vector<double>& a, const std::vector<double>& b) {
  const Sample x(a), y(b);
  Row row{.before = x.mean(), .after = y.mean(), .how = "means"};
  if (a.size() < least_runs || b.size() < least_runs) return row;
  const double n = static_cast<double>(a.size()) - 1, m = static_cast<double>(b.size()) - 1;
  const double va = x.deviation() * x.deviation() / n, vb = y.deviation() * y.deviation() / m;
  if (va + vb == 0) row.half_width = 0;
  else
    row.half_width =
        student_quantile(std::max(1.0, (va + vb) * (va + vb) / (va * va / n + vb * vb / m)),
                         confidence) *
        std::sqrt(va + vb);
  return row;
}

ordered_json to_json(const std::vector<Row>& rows) {
  ordered_json list = ordered_json::array();
  for (const Row& row : rows) {
    ordered_json one{
        {"metric", row.name},
        {"before", row.before},
        {"after", row.after},
        {"change", row.change()},
        {"change_percent",
         row.before == 0 ? ordered_json() : ordered_json(100 * row.change() / row.before)},
        {"half_width", row.half_width ? ordered_json(*row.half_width) : ordered_json()},
        {"compared", row.how},
        {"verdict", row.verdict()}};
    list.push_back(std::move(one));
  }
  return {{"confidence", confidence}, {"metrics", list}};
}

std::string to_table(const std::vector<Row>& rows) {
  std::string text;
  char line[256];
  std::snprintf(line, sizeof line, "%-22s %14s %14s %10s %14s %-7s %s\n", "metric", "before",
                "after", "change", "noise (99 %)", "by", "verdict");
  text += line;
  for (const Row& row : rows) {
    std::array<char, 32> change{"-"}, noise{"-"};
    if (row.before != 0)
      std::snprintf(change.data(), change.size(), "%+.2f %%", 100 * row.change() / row.before);
    if (row.half_width && row.before != 0)
      std::snprintf(noise.data(), noise.size(), "+-%.2f %%",
                    100 * *row.half_width / std::abs(row.before));
    std::snprintf(line, sizeof line, "%-22s %14.4f %14.4f %10s %14s %-7s %s\n", row.name.c_str(),
                  row.before, row.after, change.data(), noise.data(), row.how.c_str(),
                  row.verdict().c_str());
    text += line;
  }
  return text;
}

}  // namespace

Result<std::string> compare_results(const std::vector<std::filesystem::path>& before,
                                    const std::vector<std::filesystem::path>& after,
                                    bool json) {
  const auto a = read(before), b = read(after);
  if (!a) return a.error();
  if (!b) return b.error();
  const bool pairs = before.size() > 1 && before.size() == after.size() && a->size() == b->size();
  std::vector<Row> rows;
  for (const auto& [name, unused] : a->front().items()) {
    const bool rate = name.ends_with("_throughput") || name.ends_with("_per_second");
    if (!name.starts_with("mean_") && !rate && name != "avg_latency") continue;
    const auto x = values_of(*a, name), y = values_of(*b, name);
    if (x.empty() || y.empty()) continue;
    Row row = pairs ? paired(x, y) : unpaired(x, y);
    if (row.before == 0 && row.after == 0) continue;
    row.name = name.starts_with("mean_") ? name.substr(5) : name;
    row.more_is_better = rate;
    rows.push_back(std::move(row));
  }
  if (rows.empty())
    return Error{
        ErrorCode::invalid_argument,
        before.front().string() + " and " + after.front().string() + " have no metric in common"};
  if (json) return to_json(rows).dump(2) + "\n";
  std::string text = to_table(rows);
  if (a->size() < least_runs || b->size() < least_runs)
    text += "found " + std::to_string(a->size()) + " and " + std::to_string(b->size()) +
            " runs; a verdict needs three of each: --num-runs 5, or several files a side\n";
  return text;
}

}  // namespace limelight::bench
