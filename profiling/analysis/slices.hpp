// Slices of a trace, grouped by track, for code that examines how they nest.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace limelight::profiling {

struct Slice {
  std::int64_t begin, end;  // ns since the base
  std::size_t line;
  std::string name;
};
using Track = std::pair<std::int64_t, std::int64_t>;  // pid, tid

inline std::int64_t nanoseconds(const nlohmann::json& microseconds) {
  return std::llround(microseconds.get<double>() * 1000);
}

// The order of begins, with parents before their children.
inline bool before(const Slice& a, const Slice& b) {
  return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
}

}  // namespace limelight::profiling
