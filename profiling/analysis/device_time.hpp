// How the devices of each rank spent the time from their first to their last kernel: computing,
// communicating, copying, and idle. Parts that run beside each other count once in `busy`.
//
// The kinds and the sums are those of HolisticTraceAnalysis (temporal breakdown, overlap of
// communication and computation), in whole nanoseconds. Slices may come in any order. Memory:
// bounded; see spilled_sort.hpp. One thread uses an object.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <string_view>

#include "profiling/analysis/spilled_sort.hpp"

namespace limelight::profiling {

enum class DeviceWork : std::uint32_t { computation, communication, memory };
// By the name and the category of the kernel, copy or fill.
DeviceWork device_work_of(std::string_view name, std::string_view category);

struct DeviceShares {
  int rank = 0;
  std::int64_t span_ns = 0;               // from the first begin to the last end
  std::int64_t busy_ns = 0;               // at least one slice ran
  std::array<std::int64_t, 3> work_ns{};  // at least one of the kind ran, by DeviceWork
  std::int64_t overlap_ns = 0;            // computation and communication at once
  std::int64_t idle_ns() const { return span_ns - busy_ns; }
};

class DeviceTime {
 public:
  // Errors: io.
  Result<void> add(int rank, DeviceWork work, std::int64_t begin_ns, std::int64_t end_ns);
  // Calls visit for each rank that had slices, by number. Errors: io.
  Result<void> finish(const std::function<void(const DeviceShares&)>& visit);

 private:
  struct Slice {
    std::int64_t begin_ns, end_ns;
    int rank;
    DeviceWork work;
  };
  struct Before {
    bool operator()(const Slice& a, const Slice& b) const {
      return a.rank != b.rank ? a.rank < b.rank : a.begin_ns < b.begin_ns;
    }
  };
  class Sweep;
  static constexpr std::size_t most_bytes = std::size_t{6} << 20;
  SpilledSort<Slice, Before> slices_{most_bytes};
};

}  // namespace limelight::profiling
