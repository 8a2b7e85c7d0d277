// Puts the times of several traces on one clock.
//
//   the file's times                       begin at
//   baseTimeNanoseconds, viztracer's too   that time since 1970
//   without it, and of this century        1970: they are times of an epoch
//   others                                 an unknown time
//
// Files of unknown times can be shown together only if all are such; their times stay as they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::profiling {

struct CommonClock {
  std::int64_t base_ns = 0;             // at which all times begin, since 1970
  std::vector<std::int64_t> shifts_ns;  // what is added to the times of each file
  std::string note;                     // what else to know; may be empty
};

// Errors: invalid_argument (some files have a known clock, others not), not_found, corrupt.
Result<CommonClock> common_clock(const std::vector<std::filesystem::path>& files);

}  // namespace limelight::profiling
