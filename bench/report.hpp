// What every benchmark of `limelight bench` prints: one value beside its peer's (or its floor's)
// from the same run, and the ratio.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace limelight::bench {

struct Measurement {
  std::string name;
  std::vector<std::pair<std::string, std::string>> params;  // such as {"bytes", "4096"}
  double value = 0;
  std::string unit;
  std::string peer;                     // what stands beside it; empty: nothing does
  std::optional<double> peer_value;     // in the same unit
  std::optional<double> ratio() const;  // value / peer_value
};

// {"results": [{"name", "params", "value", "unit", "peer", "peer_value", "ratio"}]}; numbers in
// params are numbers.
std::string to_json(const std::vector<Measurement>& results);
std::string to_table(const std::vector<Measurement>& results);

// Of a non-empty sample; q from 0 to 1. The sample is reordered.
double quantile(std::vector<double>& sample, double q);

}  // namespace limelight::bench
