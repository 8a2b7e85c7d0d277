// How device activity is called in a trace, whatever its format: the track of a slice, its
// category, its args. Any thread may call the functions.
//
// Calls into CUDA, and waits for a stream, are slices on tracks of their own, not inside the spans
// of their thread or the work of their stream. Their times come from another clock, and the slices
// of one track must nest to the nanosecond.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "profiling/record/device_activity.hpp"

namespace limelight::profiling {

bool is_device_work(DeviceActivity::Kind kind) noexcept;  // kernels and copies
bool is_host_call(DeviceActivity::Kind kind) noexcept;
const char* device_category(DeviceActivity::Kind kind) noexcept;

// Of a process and a thread, as the format knows them. pid: the traced process, the number of the
// device, or -1 for the profiler's own overhead.
struct DeviceTrack {
  std::int64_t pid = 0, tid = 0;
};
DeviceTrack track_of(const DeviceActivity& activity, std::int64_t host_pid) noexcept;
std::string track_name(const DeviceActivity& activity);
// Such as "rank 3: GPU 0 NVIDIA H100".
std::string device_name(int rank, std::int64_t device, std::span<const DeviceProperties> devices);

// Appends the args of a slice, a JSON object.
void append_device_args(const DeviceActivity& activity,
                        std::span<const DeviceProperties> devices,
                        std::string& out);

}  // namespace limelight::profiling
