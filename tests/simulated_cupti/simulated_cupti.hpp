// A simulated libcupti for machines without a GPU: a shared library with the functions that
// Limelight calls, compiled with CUPTI's own headers. It fills the buffers that it requests with
// records of a transformer's decode steps on several streams, and produces errors as a Plan tells
// it. Only tests load it.
#pragma once

#include <cstdint>

namespace simulated_cupti {

struct Plan {
  int enable_error = 0;  // result of cuptiActivityEnable
  int register_error = 0;
  std::uint32_t streams = 3;
  std::uint64_t step_ns = 10'000;  // time from one launch to the next
  // Records of the device come before those of their launches, in an earlier buffer if needed.
  bool work_before_launch = false;
  std::uint32_t zero_every = 0;     // every n-th kernel has no times
  std::uint32_t running_every = 0;  // every n-th kernel has not ended
  std::uint32_t unknown_every = 0;  // every n-th record is of an unknown kind
  std::uint32_t orphan_every = 0;   // every n-th kernel's launch is missing
  // Every n-th launch also has a driver call, a node of a CUDA graph, an event that another stream
  // waits for, a synchronisation and overhead.
  std::uint32_t extras_every = 0;
};

// The functions of the library, to be found by dlsym:
using SetPlan = void (*)(const Plan*);         // "simulated_cupti_set_plan"
using Launch = void (*)(std::uint64_t count);  // "simulated_cupti_launch": launches kernels from
                                               // the calling thread
using Enabled = int (*)();  // "simulated_cupti_enabled": the number of kinds that are enabled

}  // namespace simulated_cupti
