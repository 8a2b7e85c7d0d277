// A number with its noun, for notes and tables: "1 file", "3 files".
#pragma once

#include <cstdint>
#include <string>

namespace limelight::profiling {

inline std::string counted(std::uint64_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

}  // namespace limelight::profiling
