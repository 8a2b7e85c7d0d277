// One activity of a device (a kernel, a copy), or one call by which the host requested it, in the
// form in which the trace writer takes it.
//
// This header knows no vendor's types. An ActivitySource (today CUPTI's) delivers such records; the
// session's writer thread polls it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::profiling {

// A device as the trace's `deviceProperties` lists it. Memory is in bytes; 0 means not known.
struct DeviceProperties {
  int id = 0;
  std::string name;
  std::uint64_t total_memory = 0;
  int compute_major = 0, compute_minor = 0, max_threads_per_block = 0, max_threads_per_sm = 0,
      registers_per_block = 0, registers_per_sm = 0, warp_size = 32, shared_per_block = 0,
      shared_per_sm = 0, sm_count = 0;
  int shared_per_block_optin = 0;  // that a block may have if its kernel asks for it
};

// A collective operation that the host launched: its kernels carry this information in the trace.
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
                callback_id = 0;  // runtime, driver, overhead: the calling thread, the function
  std::uint64_t bytes = 0;        // memcpy, memset
  // Synchronization by an event: the stream on which the event was recorded. -1: no event was used,
  // or CUPTI delivered no record of it.
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

// Counts of the records that a source did not deliver. The trace states all of them.
struct ActivityLosses {
  std::uint64_t dropped = 0;    // records that did not fit the buffers
  std::uint64_t zero_time = 0;  // records without a begin or an end, which are not written
  std::uint64_t unknown = 0;    // records of a kind that was not requested
};

// A recorder of activity that Limelight's own spans cannot see, such as CUPTI.
//
// start(), stop() and poll() are called by one thread at a time. A source outlives its sessions. It
// is attached once, by the first start() at the latest; after that start() and stop() only switch
// the recording on and off.
class ActivitySource {
 public:
  virtual ~ActivitySource() = default;
  // Call it early in the process, before CUDA graphs are made. If attaching fails, the next start()
  // tries again and returns the reason.
  virtual void attach() = 0;
  // Errors: unavailable, with what is missing and what to do.
  virtual Result<void> start() = 0;
  // After it returns, the next poll() delivers all activity that happened before.
  virtual void stop() = 0;
  // Delivers the completed activities to `sink`, not sorted by time.
  virtual void poll(const std::function<void(const DeviceActivity&)>& sink) = 0;
  // Losses since start().
  virtual ActivityLosses losses() const = 0;
};

}  // namespace limelight::profiling
