// The part of `limelight bench profiler` that runs pipelines. profiler.hpp explains the results.
#pragma once

#include <filesystem>
#include <vector>

#include "bench/profiler.hpp"

namespace limelight::bench {

Result<void> measure_acknowledgement(const std::filesystem::path& folder,
                                     bool quick,
                                     std::vector<Measurement>& results);
Result<void> measure_overhead(const ProfilerOptions& options,
                              const std::filesystem::path& folder,
                              std::vector<Measurement>& results);
// What more detail adds to a request that is profiled anyway.
Result<void> measure_detail(const ProfilerOptions& options,
                            const std::filesystem::path& folder,
                            std::vector<Measurement>& results);

}  // namespace limelight::bench
