#include "bench/report.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace limelight::bench {

using nlohmann::ordered_json;

std::optional<double> Measurement::ratio() const {
  if (!peer_value || *peer_value == 0) return std::nullopt;
  return value / *peer_value;
}

std::string to_json(const std::vector<Measurement>& results, const std::string& about) {
  ordered_json rows = ordered_json::array();
  const auto or_null = [](const std::optional<double>& x) {
    return x ? ordered_json(*x) : ordered_json();
  };
  for (const Measurement& m : results) {
    ordered_json params = ordered_json::object();
    for (const auto& [key, text] : m.params) {
      const ordered_json number = ordered_json::parse(text, nullptr, false);
      params[key] = number.is_number() ? number : ordered_json(text);
    }
    rows.push_back({{"name", m.name},
                    {"params", params},
                    {"value", m.value},
                    {"unit", m.unit},
                    {"peer", m.peer.empty() ? ordered_json() : ordered_json(m.peer)},
                    {"peer_value", or_null(m.peer_value)},
                    {"ratio", or_null(m.ratio())}});
  }
  ordered_json all{{"results", std::move(rows)}};
  if (!about.empty()) all["about"] = ordered_json::parse(about);
  return all.dump(2) + "\n";
}

std::string to_table(const std::vector<Measurement>& results) {
  char line[256];
  std::snprintf(line, sizeof line, "%-16s %-34s %12s %-9s %-14s %12s %8s\n", "name", "params",
                "value", "unit", "peer", "peer_value", "ratio");
  std::string text = line;
  const auto or_dash = [](const std::optional<double>& x) {
    char number[32] = "-";
    if (x) std::snprintf(number, sizeof number, "%.3f", *x);
    return std::string(number);
  };
  for (const Measurement& m : results) {
    std::string params;
    for (const auto& [key, value] : m.params)
      params += (params.empty() ? "" : " ") + key + "=" + value;
    std::snprintf(line, sizeof line, "%-16s %-34s %12.3f %-9s %-14s %12s %8s\n", m.name.c_str(),
                  params.c_str(), m.value, m.unit.c_str(), m.peer.empty() ? "-" : m.peer.c_str(),
                  or_dash(m.peer_value).c_str(), or_dash(m.ratio()).c_str());
    text += line;
  }
  return text;
}

double quantile(std::vector<double>& sample, double q) {
  const auto at = static_cast<std::ptrdiff_t>(q * static_cast<double>(sample.size() - 1) + 0.5);
  std::nth_element(sample.begin(), sample.begin() + at, sample.end());
  return sample[static_cast<std::size_t>(at)];
}

}  // namespace limelight::bench
