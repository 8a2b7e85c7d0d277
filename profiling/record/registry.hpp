// All rings of this process, and the names of its threads and requests. Sessions and the flight
// recorder use it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "profiling/record/request_names.hpp"
#include "profiling/record/ring.hpp"

namespace limelight::profiling::detail {

struct Registry {
  // Held by the thread that drains the rings, because a ring has one consumer at a time. Lock it
  // before `mutex`.
  std::mutex drain_mutex;
  // Guarded by drain_mutex. A session drains the rings, so the flight recorder's thread does not.
  bool session_drains = false;
  // Guards the members below. Locked when a thread records for the first time, and in each drain.
  std::mutex mutex;
  std::vector<std::unique_ptr<Ring>> rings;
  std::vector<std::pair<int, std::string>> thread_names;
  std::uint64_t drops_of_freed_rings = 0;
};
Registry& registry();

RequestNames& request_names();  // of this process
std::vector<std::pair<int, std::string>> thread_names();
// The number of records that were dropped because their ring was full, since the process started.
std::uint64_t ring_drops();

// Drains all rings: calls f(record, thread id) for each record, and frees the rings of threads that
// have ended. Returns the number of records. The caller holds drain_mutex.
template <class F>
std::size_t drain_rings(F&& f) {
  Registry& all = registry();
  std::vector<Ring*> rings;
  {
    const std::lock_guard lock(all.mutex);
    for (const auto& ring : all.rings) rings.push_back(ring.get());
  }
  std::size_t records = 0;
  for (Ring* ring : rings) {
    const bool abandoned = ring->abandoned.load(std::memory_order_acquire);
    records += ring->drain([&](const Record& record) { f(record, ring->thread_id()); });
    if (!abandoned) continue;
    const std::lock_guard lock(all.mutex);
    all.drops_of_freed_rings += ring->drops();
    std::erase_if(all.rings, [&](const auto& r) { return r.get() == ring; });
  }
  return records;
}

// Calls from this folder to the flight recorder, whose headers it may not include. The recorder
// sets the pointer when it is enabled for the first time.
struct RecordingObserver {
  bool (*keeps_recording)() noexcept;  // whether recording continues when no session runs
  void (*request_named)(std::uint32_t request, std::string_view id);
  void (*request_forgotten)(std::uint32_t request);
};
inline std::atomic<const RecordingObserver*> recording_observer{nullptr};

// What an observer, and a session that says nothing of detail, record of cpu, small_operation and
// block.
inline constexpr unsigned usual_kinds =
    static_cast<unsigned>(Activity::cpu) | static_cast<unsigned>(Activity::small_operation);
// kinds: some of cpu, small_operation and block, beside those that are recorded already.
void start_recording(unsigned kinds) noexcept;
// Ends recording, unless the observer keeps recording.
void stop_recording() noexcept;

}  // namespace limelight::profiling::detail
