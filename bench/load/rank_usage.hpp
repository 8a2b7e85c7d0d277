// What the processes of a pipeline use: CPU time and the most memory that each held.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace limelight::bench {

struct ProcessUsage {
  double cpu_s = 0, peak_mb = 0;  // MiB
};

// Of a process that is there; zeros of another.
ProcessUsage usage_of(int pid);
// [{"rank": 0, "cpu_s": ..., "peak_memory_mb": ...}], the CPU time since `before`.
nlohmann::ordered_json usage_json(const std::vector<ProcessUsage>& before,
                                  const std::vector<ProcessUsage>& after);

}  // namespace limelight::bench
