// The flight recorder keeps the spans of this process's last seconds in a fixed amount of memory
// and writes them as a normal trace on request.
//
// While it is enabled every span is recorded. The recorder's thread drains the rings into one
// circular buffer ten times a second; while a session runs, the session's thread drains them. New
// records overwrite the oldest. The buffer may be a file that other processes can read: then all
// but the last tenth of a second survives the end of this process, even a kill. All functions may
// be called from any thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string_view>

#include "profiling/capture/flight_memory.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/record.hpp"

namespace limelight::profiling {

struct FlightOptions {
  std::chrono::milliseconds keep{10'000};
  std::size_t most_records =
      std::size_t{1} << 18;  // 10 MiB; if more is recorded within `keep`, a shorter time is kept
  // The file that holds the memory, best in /dev/shm. It is created when the recorder is enabled,
  // locked (flock) while the recorder uses it, and removed when the recorder is disabled. If empty,
  // or if it cannot be created or has no room, the memory is private to this process; in the latter
  // cases the log says so.
  std::filesystem::path file = {};
};

// Does nothing if the recorder is already enabled.
void enable_flight_recorder(const FlightOptions& options);
void disable_flight_recorder();

// Writes a trace of the spans that ended within the last `last` milliseconds, as far as they are
// still kept. options: as for a session, but its limits are ignored. Errors: unavailable (the
// recorder is not enabled), io.
Result<RankTrace> dump_flight_recorder(SessionOptions options, std::chrono::milliseconds last);

// Writes a trace of what the recorder of another process left in `file`: a process that has ended,
// or one that is stopped (SIGSTOP) or hangs. options.pid is ignored; the file states the pid.
// Errors: not_found, busy (`owner` is gone, but the process still runs), corrupt, io.
Result<RankTrace> salvage_flight_recorder(const std::filesystem::path& file,
                                          SessionOptions options,
                                          Owner owner = Owner::gone);

namespace detail {
// Passes records to the flight recorder, if it is enabled. Only the thread that drains the rings
// may use it, and only while that thread holds drain_mutex.
class FlightKeeper {
 public:
  FlightKeeper();  // stores the names first, so that every kept record can be read
  bool on() const noexcept { return memory_ != nullptr; }
  void keep(const Record& record, int thread_id) noexcept {
    if (memory_ != nullptr) memory_->keep({record, thread_id});
  }

 private:
  std::unique_lock<std::mutex> lock_;
  FlightMemory* memory_ = nullptr;
};
bool flight_enabled() noexcept;
// Schedules `task` on the recorder's thread in about 4 ms. If the recorder is disabled before that,
// disable_flight_recorder() runs the task. At most one task may be pending. Returns false if no
// recorder is enabled; then the task is dropped.
bool schedule_on_recorder_thread(std::function<void()> task);
// Cancels the pending task. Returns true if the task had not started. Returns false if there is
// none to cancel; a task that had started has finished by then.
bool cancel_scheduled();
}  // namespace detail

}  // namespace limelight::profiling
