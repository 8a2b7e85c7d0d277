// The costs of the profiler itself, which its traces state.
#pragma once

#include <cstdint>

namespace limelight::profiling {

// CPU time of the calling thread.
std::uint64_t thread_cpu_ns() noexcept;
// Nanoseconds that one span costs the thread that records it. The first call measures it, later
// calls return the same number. Any thread may call it.
double span_cost_ns();

}  // namespace limelight::profiling
