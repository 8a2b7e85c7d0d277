// A simulated libcupti for machines without a GPU: a shared library with the functions that the
// product uses, compiled from CUPTI's real headers. It fills the buffers that it asks for with
// records of a transformer's decode steps on several streams, and misbehaves on demand. Tests alone
// load it.
#pragma once

#include <cstdint>

namespace simulated_cupti {

struct Plan {
  int enable_error = 0;  // what cuptiActivityEnable answers
  int register_error = 0;
  std::uint32_t streams = 3;
  std::uint64_t step_ns = 10'000;  // from launch to launch
  bool work_before_launch =
      false;  // records of the device come first, in an earlier buffer if need be
  std::uint32_t zero_every = 0;     // every n-th kernel has no times
  std::uint32_t running_every = 0;  // every n-th kernel has not ended
  std::uint32_t unknown_every = 0;  // every n-th record is of a kind that nobody asked for
  std::uint32_t orphan_every = 0;   // every n-th kernel's launch is missing
  std::uint32_t extras_every =
      0;  // every n-th launch brings a driver call, a node of a CUDA graph, an event that another
          // stream waits for, a synchronisation and overhead
};

// What dlsym finds under these names.
using SetPlan = void (*)(const Plan*);         // "simulated_cupti_set_plan"
using Launch = void (*)(std::uint64_t count);  // "simulated_cupti_launch": kernels launched by the
                                               // calling thread, with what belongs to them
using Enabled = int (*)();  // "simulated_cupti_enabled": kinds that are switched on

}  // namespace simulated_cupti
