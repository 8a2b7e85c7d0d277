// Takes call stacks of this process's threads, a thousand in a second of CPU time of each.
//
//   thread runs 1 ms --> perf_event, or a CPU-time timer --> SIGPROF to that thread
//        --> handler: stack_walk.hpp, into a slot of fixed memory --> drain() by the session's
//        thread
//
// A thread that sleeps is not interrupted. perf_event_open() counts by a clock of its own; where it
// is not allowed, and in a virtual machine, timers do it, which fire no more often than the kernel
// ticks (250 Hz is usual). There each interrupt of an own clock costs tens of microseconds, beside
// which the walk is little: on one machine 12 % of a pipeline's time, where ticks cost none that
// could be measured.
// The handler allocates nothing and waits for nothing; where all slots are full it counts a drop.
//
// A process has one sampler at a time. One thread uses an object; the handler runs on all.
#pragma once

#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "profiling/capture/unwind_library.hpp"

namespace limelight::profiling {

struct StackSample {
  int thread_id = 0;
  std::uint64_t ticks = 0;
  std::uint32_t request = 0;                // that the thread worked on; 0: none
  std::span<const std::uintptr_t> callers;  // addresses in the code, the innermost first
};

class StackSampler {
 public:
  // Samples no thread yet. Errors: unavailable (as of UnwindLibrary; SIGPROF is used by others).
  static Result<std::unique_ptr<StackSampler>> start();
  ~StackSampler();  // no thread is sampled any more
  StackSampler(const StackSampler&) = delete;

  // Samples the threads that there are now, but for the calling one. Call it again for later ones.
  void follow_threads();
  // Calls `each` for the samples that were taken.
  static void drain(const std::function<void(const StackSample&)>& each);
  // Valid until the next sampler. Slow for a function that no session of this process has met.
  const NativeFunction& function_at(std::uintptr_t address);

  std::uint64_t drops() const noexcept;
  std::uint64_t handler_ticks() const noexcept;  // that the handlers took
  const char* trigger() const noexcept;          // "perf_event", or "CPU-time timer"

 private:
  explicit StackSampler(const UnwindLibrary& library);
  struct Trigger {
    int event = -1;         // of perf_event_open()
    void* timer = nullptr;  // of timer_create()
  };
  bool attach(int thread_id, Trigger& trigger);
  static void detach(Trigger& trigger);

  const UnwindLibrary& library_;
  std::map<int, Trigger> threads_;
  bool by_timer_;
  std::uint64_t drops_before_ = 0, ticks_before_ = 0;
};

}  // namespace limelight::profiling
