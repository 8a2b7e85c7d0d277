// GPU activity by CUPTI: kernels, copies, runtime and driver calls, synchronisation, overhead, tied
// to the host's operations.
//
// CUPTI is found at run time, so a build with CUDA starts on machines without it. CUPTI fills
// buffers of a fixed pool; poll() decodes those that are complete, on the thread of the session, in
// two passes: first the external correlations, then the events. No lock is held while CUPTI is
// called, and none of CUPTI's functions is called from its callbacks. It is attached once and never
// taken down: that races launching threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "profiling/device_activity.hpp"

namespace limelight::profiling {

struct CuptiOptions {
  // Empty: libcupti as the loader finds it, or beside the toolkit that this was built with.
  std::string library;
  // Waits until the devices have done what was launched; called by stop(), as records of running
  // kernels would be lost. Empty: nobody waits.
  std::function<void()> synchronise;
  std::size_t buffer_bytes = std::size_t{1} << 20;
  std::size_t buffers = 24;  // when all are full, records are dropped and counted
};

// One in a process. Errors: unavailable (built without CUDA, or no such library; says what to
// install).
Result<std::unique_ptr<ActivitySource>> make_cupti_source(CuptiOptions options = {});

}  // namespace limelight::profiling
