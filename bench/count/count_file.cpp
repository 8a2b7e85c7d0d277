#include "bench/count/count_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace limelight::bench {

using nlohmann::ordered_json;

namespace {

struct CountMetric {
  const char* key;
  std::optional<double> PathCounts::*value;
};
constexpr std::array<CountMetric, 4> count_metrics{{{"instructions", &PathCounts::instructions},
                                                    {"allocations", &PathCounts::allocations},
                                                    {"system_calls", &PathCounts::system_calls},
                                                    {"bytes", &PathCounts::bytes}}};

Error wrong_count(const std::string& where, const std::string& expected) {
  return {ErrorCode::invalid_argument, where + ": expected " + expected};
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

std::string count_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", value < 100 ? 2 : 0, value);
  return text;
}

const PathCounts* find_path(const Counts& in, const std::string& name) {
  const auto at = std::find_if(in.paths.begin(), in.paths.end(),
                               [&](const PathCounts& path) { return path.name == name; });
  return at == in.paths.end() ? nullptr : &*at;
}

// Such as "record.span: 49.40 instructions for each span, 45.10 before: 9.5 % more".
std::string growth_sentence(const PathCounts& path, const char* what, double before, double now) {
  std::string text = path.name;
  text += ": " + count_text(now) + " " + what + " for each " + path.unit + ", " +
          count_text(before) + " before";
  if (before == 0) return text;
  char percent[32];
  std::snprintf(percent, sizeof percent, ": %.1f %% %s", 100 * std::abs(now / before - 1),
                now > before ? "more" : "less");
  return text + percent;
}

}  // namespace

Result<Counts> read_counts(const std::string& text) {
  const ordered_json all = ordered_json::parse(text, nullptr, false);
  if (!all.is_object() || !all.contains("holds_for") || !all["holds_for"].is_object() ||
      !all.contains("paths") || !all["paths"].is_object())
    return wrong_count("counts", "a JSON object with the objects holds_for and paths");
  Counts counts;
  for (const auto& [key, value] : all["holds_for"].items()) {
    if (!value.is_string()) return wrong_count("holds_for." + key, "a string");
    counts.holds_for.emplace_back(key, value.get<std::string>());
  }
  for (const auto& [name, value] : all["paths"].items()) {
    if (!value.is_object() || !value.contains("unit") || !value["unit"].is_string())
      return wrong_count("paths." + name, "an object with the key unit");
    PathCounts path{.name = name, .unit = value["unit"].get<std::string>()};
    for (const CountMetric& metric : count_metrics) {
      if (!value.contains(metric.key)) continue;
      const auto& number = value[metric.key];
      if (!number.is_number() || number.get<double>() < 0)
        return wrong_count("paths." + name + "." + metric.key, "a number, 0 or more");
      path.*metric.value = number.get<double>();
    }
    counts.paths.push_back(std::move(path));
  }
  return counts;
}

std::string write_counts(const Counts& counts) {
  ordered_json holds_for = ordered_json::object(), paths = ordered_json::object();
  for (const auto& [key, value] : counts.holds_for) holds_for[key] = value;
  for (const PathCounts& path : counts.paths) {
    ordered_json one{{"unit", path.unit}};
    for (const CountMetric& metric : count_metrics)
      if (path.*metric.value) one[metric.key] = rounded(*(path.*metric.value));
    paths[path.name] = std::move(one);
  }
  return ordered_json{{"holds_for", std::move(holds_for)}, {"paths", std::move(paths)}}.dump(2) +
         "\n";
}

CountVerdict compare_counts(const Counts& last, const Counts& now) {
  CountVerdict verdict;
  for (const auto& [name, value] : last.holds_for) {
    const std::string& key = name;  // clang 14 cannot capture what a binding names
    const auto here = std::find_if(now.holds_for.begin(), now.holds_for.end(),
                                   [&](const auto& one) { return one.first == key; });
    const std::string found = here == now.holds_for.end() ? "nothing" : here->second;
    if (found == value) continue;
    verdict.skipped =
        "the last values hold for " + key + " '" + value + "', here is '" + found + "'";
    return verdict;
  }
  for (const PathCounts& before : last.paths)
    if (find_path(now, before.name) == nullptr)
      verdict.unknown.push_back(before.name + " is not counted any more");
  for (const PathCounts& path : now.paths) {
    const PathCounts* before = find_path(last, path.name);
    if (before == nullptr) {
      verdict.unknown.push_back(path.name + " has no last values");
      continue;
    }
    for (const CountMetric& metric : count_metrics) {
      const auto& then = before->*metric.value;
      const auto& found = path.*metric.value;
      if (!then || !found) continue;
      // The file has three decimals.
      const double margin = *then * most_growth_percent / 100 + 0.001;
      if (std::abs(*found - *then) <= margin) continue;
      const std::string sentence = growth_sentence(path, metric.key, *then, *found);
      if (*found < *then) {
        verdict.gains.push_back(sentence);
        continue;
      }
      verdict.regressions.push_back(sentence);
      if (verdict.paths.empty() || verdict.paths.back() != path.name)
        verdict.paths.push_back(path.name);
    }
  }
  return verdict;
}

}  // namespace limelight::bench
