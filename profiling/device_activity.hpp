// What a device did, or what the host asked of it: one record, from whatever source, ready to be
// written. Knows no vendor's types.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "profiling/result.hpp"

namespace limelight::profiling {

// As the trace's head lists devices; zero: not known.
struct DeviceProperties {
  int id = 0;
  std::string name;
  std::uint64_t total_memory = 0;
  int compute_major = 0, compute_minor = 0, max_threads_per_block = 0, max_threads_per_sm = 0,
      registers_per_block = 0, registers_per_sm = 0, warp_size = 32, shared_per_block = 0,
      shared_per_sm = 0, sm_count = 0;
  int shared_per_block_optin = 0;  // that a block may have if its kernel asks for it
};

// A collective that the host asked for: the kernels of its launch carry this.
struct CollectiveInfo {
  std::string name;  // such as "all_reduce"
  std::uint64_t in_elements = 0, out_elements = 0;
  std::string dtype;
  int group_size = 0;
  std::string group_name, group_ranks;  // ranks such as "[0, 1]"
  std::uint64_t sequence = 0;
};

struct DeviceActivity {
  enum class Kind : std::uint8_t { kernel, memcpy, memset, runtime, driver, sync, overhead };
  Kind kind = Kind::kernel;
  std::string_view name;                  // lives as long as the source
  std::int64_t begin_ns = 0, end_ns = 0;  // CLOCK_REALTIME
  std::uint32_t correlation = 0;          // the same for a launch and what it launched; 0: none
  std::uint64_t external = 0;             // External id of the host's operation; 0: none
  std::uint32_t device = 0, context = 0;
  std::int32_t stream = -1;  // -1: none
  std::uint32_t thread = 0,
                callback_id = 0;  // runtime, driver, overhead: on which thread, which function
  std::uint64_t bytes = 0;        // memcpy, memset
  // Synchronisation by an event: where that was recorded; -1: by none, or its record did not come.
  std::int32_t event_stream = -1;
  std::uint32_t event_correlation = 0;
  // Kernels.
  std::array<std::int32_t, 3> grid{}, block{};
  std::uint32_t registers = 0, shared_memory = 0;
  std::uint32_t graph = 0;
  std::uint64_t graph_node = 0;
  std::int64_t queued_ns = 0;
  const CollectiveInfo* collective = nullptr;  // valid during the call that hands the activity over
};

// What a source knows that it did not deliver. All of it is stated in the trace.
struct ActivityLosses {
  std::uint64_t dropped = 0;    // records that did not fit the buffers
  std::uint64_t zero_time = 0;  // records without a begin or an end: not written
  std::uint64_t unknown = 0;    // records of a kind that was not asked for
};

// Activity that this process does not record itself. start, stop and poll are called by one thread
// at a time; the source outlives its sessions and is attached once (by the first start() at the
// latest): starting and stopping only switches what it records.
class ActivitySource {
 public:
  virtual ~ActivitySource() = default;
  // Early in the process, before CUDA graphs are made. What keeps it from attaching is told by
  // start().
  virtual void attach() = 0;
  // Errors: unavailable, with what is missing and what to do.
  virtual Result<void> start() = 0;
  // Everything that happened before is there for the next poll().
  virtual void stop() = 0;
  // Hands over what is complete, in the order of the source, which is not that of time.
  virtual void poll(const std::function<void(const DeviceActivity&)>& sink) = 0;
  // Since start().
  virtual ActivityLosses losses() const = 0;
};

}  // namespace limelight::profiling
