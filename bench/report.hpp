// The result of a benchmark: a value, the value of its peer (or its lower bound) from the same run,
// and the ratio of the two.
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
  std::string peer = {};                  // name of the peer; empty: there is none
  std::optional<double> peer_value = {};  // in the same unit
  std::optional<double> ratio() const;    // value / peer_value
};

// {"results": [{"name", "params", "value", "unit", "peer", "peer_value", "ratio"}]}. Values of
// params that are numbers become JSON numbers.
// about: a JSON object, which becomes the key "about"; empty: no such key.
std::string to_json(const std::vector<Measurement>& results, const std::string& about = {});
std::string to_table(const std::vector<Measurement>& results);

// The quantile q (0 to 1) of a sample, which must not be empty. The sample is reordered.
double quantile(std::vector<double>& sample, double q);

}  // namespace limelight::bench
