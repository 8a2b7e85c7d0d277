// Makes a readable trace out of what a killed rank left behind: `.<name>.part`, whole members of
// gzip and perhaps a torn one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "profiling/result.hpp"

namespace limelight::profiling {

struct Recovered {
  std::filesystem::path file;  // under its final name; the .part is gone
  std::uint64_t events = 0;
  std::uint64_t bytes_given_up = 0;  // of the torn member
};

// The whole members stay as they are; an end is added that says `"recovered": true` and null for
// what only the rank knew (drops, costs). Errors: not_found, invalid_argument (no .part file), busy
// (its rank still writes), corrupt (not one member is whole), io.
Result<Recovered> recover(const std::filesystem::path& part);

// The .part files in a folder that nobody writes any more.
std::vector<std::filesystem::path> unfinished_traces(const std::filesystem::path& folder);

}  // namespace limelight::profiling
