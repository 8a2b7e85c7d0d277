// What a slice of any trace is: a step, an operation, or what an operation is told apart from. The
// report draws by it, and the path of a request counts operations by it. Any thread may call it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "profiling/analysis/trace_event.hpp"

namespace limelight::profiling {

enum class SliceKind : std::uint8_t {
  step,
  transfer,    // loans, publishes and takes of chunks
  wait,        // waiting.hpp
  collective,  // of ranks, or of their devices
  gpu,         // what a device computes or copies
  operation,   // all else that a thread does
  annotation,  // what is laid over others, and the profiler's own
  span         // asynchronous
};
inline constexpr std::array slice_kind_names{
    "steps",       "loan, publish and take", "waiting", "collectives", "GPU", "operations",
    "annotations", "asynchronous spans"};

// Of a slice (phase X). name: without escapes; of_device: its process is one of a device.
SliceKind slice_kind(const EventLine& event, std::string_view name, bool of_device);

}  // namespace limelight::profiling
