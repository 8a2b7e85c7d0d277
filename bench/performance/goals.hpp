// What the project wants to reach, and which result shows whether it does.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace limelight::bench {

struct Goal {
  enum class Kind {
    at_most,        // the value
    at_least,       // the value
    ratio_at_most,  // the value over that of its peer
    ratio_at_least
  };
  const char* what;
  const char* benchmark;  // the name of the result file, without .json
  const char* row;        // the name of the measurement
  std::vector<std::pair<std::string, std::string>> params = {};  // that it has; of several the last
  const char* peer = "";                                         // empty: any, or none
  Kind kind = Kind::at_most;
  double limit = 0;
  bool with_interval = false;  // `ci95` is added to the value before it is compared
  const char* cause = "";      // where it is known to fall short, why
};

const std::vector<Goal>& performance_goals();

}  // namespace limelight::bench
