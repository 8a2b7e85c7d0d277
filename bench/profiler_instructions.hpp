// The part of `limelight bench profiler` that counts what profiling adds to a request, by detail:
// each rank runs under callgrind, so the counts do not know how busy the machine is. profiler.hpp
// explains the results.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <vector>

#include "bench/profiler.hpp"

namespace limelight::bench {

// Adds no rows where valgrind is missing. Errors: those of Omni, and of valgrind.
Result<void> measure_instructions(const ProfilerOptions& options,
                                  const std::filesystem::path& folder,
                                  std::vector<Measurement>& results);

}  // namespace limelight::bench
