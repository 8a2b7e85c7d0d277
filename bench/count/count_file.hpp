// The counts of the hot paths as they were when they were last written on purpose, in a file of the
// repository, and what differs from them.
//
// Counts hold for one compiler, one set of its options, one C library and one version of valgrind:
// with others nothing is compared, and it is said why. Plain values; any thread.
#pragma once

#include <limelight/result.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace limelight::bench {

// Of one path, for each of its units. Empty: it could not be counted.
struct PathCounts {
  std::string name, unit;
  std::optional<double> instructions = {}, allocations = {}, system_calls = {}, bytes = {};
};

struct Counts {
  // What they hold for, such as {"compiler", "g++ 12.2.0"}.
  std::vector<std::pair<std::string, std::string>> holds_for;
  std::vector<PathCounts> paths;
};

// Errors: invalid_argument (names the key, what was found and what was expected).
Result<Counts> read_counts(const std::string& text);
std::string write_counts(const Counts& counts);

// By how much a count may grow before it is called a regression.
inline constexpr double most_growth_percent = 3;

struct CountVerdict {
  std::string skipped = {};              // why nothing was compared; empty: all was
  std::vector<std::string> regressions;  // a sentence each, that begins with the path's name
  std::vector<std::string> gains;        // as much less: new values should be written
  std::vector<std::string> unknown;      // paths that only one side has
  std::vector<std::string> paths;        // the names of those that have grown
};
CountVerdict compare_counts(const Counts& last, const Counts& now);

}  // namespace limelight::bench
