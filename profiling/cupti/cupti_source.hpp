// GPU activity by CUPTI: kernels, copies, runtime and driver calls, synchronization and overhead,
// each linked to the host operation that caused it.
//
// CUPTI is loaded at run time, so a build with CUDA starts on machines without it. CUPTI fills
// buffers of a fixed pool. poll() decodes the completed buffers on the session's thread, in two
// passes: first the external correlations, then the events. No lock is held while CUPTI is called,
// and CUPTI's callbacks call no function of CUPTI. The source attaches to CUPTI once and never
// detaches, because detaching races with threads that launch work.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "profiling/record/device_activity.hpp"

namespace limelight::profiling {

struct CuptiOptions {
  // Path of libcupti. If empty: the library that the dynamic loader finds, or else that of the CUDA
  // toolkit with which Limelight was built.
  std::string library;
  // Blocks until the devices have finished all launched work. stop() calls it first, because the
  // records of kernels that still run would be lost. If empty, stop() does not wait.
  std::function<void()> synchronize;
  std::size_t buffer_bytes = std::size_t{1} << 20;
  std::size_t buffers = 24;  // when all are full, records are dropped and counted
};

// At most one source may exist in a process. Errors: unavailable (built without CUDA, or the
// library cannot be loaded; the message says what to install), busy (a source exists already).
Result<std::unique_ptr<ActivitySource>> make_cupti_source(CuptiOptions options = {});

}  // namespace limelight::profiling
