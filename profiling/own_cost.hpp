// What the profiler itself costs, as its traces state it.
#pragma once

#include <cstdint>

namespace limelight::profiling {

// CPU time of the calling thread.
std::uint64_t thread_cpu_ns() noexcept;
// What a span costs the thread that records it. Measured once a process, by whoever asks first;
// from any thread.
double span_cost_ns();

}  // namespace limelight::profiling
