// Makes a readable trace of the file that a killed rank left behind. Such a `.<name>.part` consists
// of complete compressed members and perhaps an incomplete one at its end (see member_file.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "profiling/result.hpp"

namespace limelight::profiling {

struct Recovered {
  std::filesystem::path file;  // the trace under its final name; the .part no longer exists
  std::uint64_t events = 0;
  std::uint64_t bytes_given_up = 0;  // size of the incomplete member, which is cut off
};

// Keeps the complete members unchanged and appends an end that states `"recovered": true`, and null
// for what only the rank knew (drops, costs). Errors: not_found, invalid_argument (`part` is no
// .part file), busy (its rank still writes it), corrupt (it has no complete member), io.
Result<Recovered> recover(const std::filesystem::path& part);

// The .part files in a folder that no process writes any more.
std::vector<std::filesystem::path> unfinished_traces(const std::filesystem::path& folder);

}  // namespace limelight::profiling
