// Tables from trace files: time by operation, and what became slower from one set of files to
// another.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "profiling/result.hpp"

namespace limelight::profiling {

// What each file says of itself, then time by operation over all files. Reads any Chrome trace;
// those of Limelight in memory that does not grow with them. Errors: as read_trace().
Result<std::string> summary_table(const std::vector<std::filesystem::path>& files);

// Mean time by operation in `before` and `after`, largest change of the total first. Errors: as
// read_trace().
Result<std::string> diff_table(const std::vector<std::filesystem::path>& before,
                               const std::vector<std::filesystem::path>& after);

}  // namespace limelight::profiling
