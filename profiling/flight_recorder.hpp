// The flight recorder: the last seconds of this process, always there, in fixed memory; written as
// a normal trace when somebody asks.
//
// While it is enabled every span is recorded. A thread empties the rings into one circular memory a
// few times a second; while a session runs, that session's thread does it. What is oldest is
// overwritten. The memory may be a file that other processes can read: then it outlives this
// process, however it ends, but for the last tenth of a second. All functions may be called from
// any thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string_view>

#include "profiling/flight_memory.hpp"
#include "profiling/record.hpp"
#include "profiling/session.hpp"

namespace limelight::profiling {

struct FlightOptions {
  std::chrono::milliseconds keep{10'000};
  std::size_t most_records =
      std::size_t{1}
      << 18;  // 10 MiB; what is recorded faster than this lasts is kept for a shorter time
  // Made here, locked (flock) while it is used and removed at the end; best in shared memory.
  // Empty, or where it cannot be made: memory of this process alone.
  std::filesystem::path file = {};
};

// Does nothing when it is enabled already.
void enable_flight_recorder(const FlightOptions& options);
void disable_flight_recorder();

// Writes what ended within `last` before now, at most what is kept. options as for a session; its
// limits do not count. Errors: unavailable (not enabled), io.
Result<SessionReport> dump_flight_recorder(SessionOptions options, std::chrono::milliseconds last);

// What the recorder of a process that is gone, or stands still, keeps in `file`; options.pid is
// taken from there. Errors: not_found, busy (the process lives, and was said to be gone), corrupt,
// io.
Result<SessionReport> salvage_flight_recorder(const std::filesystem::path& file,
                                              SessionOptions options,
                                              Owner owner = Owner::gone);

namespace detail {
void keep_request_name_for_flight(std::uint32_t request, std::string_view id);
// Has records kept, if the recorder is on. For whoever empties the rings, while it holds
// drain_mutex.
class FlightKeeper {
 public:
  FlightKeeper();  // the words that records refer to are kept first
  bool on() const noexcept { return memory_ != nullptr; }
  void keep(const Record& record, int thread_id) noexcept {
    if (memory_ != nullptr) memory_->keep({record, thread_id});
  }

 private:
  std::unique_lock<std::mutex> lock_;
  FlightMemory* memory_ = nullptr;
};
bool flight_enabled() noexcept;
// Has the recorder's thread do something in some milliseconds, at no cost to the caller; when the
// recorder is switched off first, that does it. One thing at a time. False: there is no recorder,
// nothing was done.
bool later_on_flight_thread(std::function<void()> task);
// True: it was not done, and will not be. False: it was; then it is finished.
bool not_later();
}  // namespace detail

}  // namespace limelight::profiling
