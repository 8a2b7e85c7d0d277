// All rings of this process, and the words that records refer to. Owned by the process; used by
// sessions alone.
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
  std::mutex drain_mutex;  // a ring has one consumer at a time; taken before `mutex`
  bool session_drains =
      false;  // guarded by drain_mutex: a session empties the rings, the flight recorder need not
  std::mutex mutex;  // taken when a thread records for the first time, and once a drain
  std::vector<std::unique_ptr<Ring>> rings;
  std::vector<std::pair<int, std::string>> thread_names;
  std::uint64_t drops_of_freed_rings = 0;
};
Registry& registry();

RequestNames& request_names();  // of this process
std::vector<std::pair<int, std::string>> thread_names();
std::uint64_t ring_drops();  // records that found their ring full, since the process began

// Empties all rings into f(record, thread id) and frees those whose threads are gone. With
// drain_mutex held. Returns the number of records.
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

// What records beside sessions: the flight recorder, which this folder does not know. Set once.
struct RecordingObserver {
  bool (*keeps_recording)() noexcept;  // recording goes on when no session runs
  void (*request_named)(std::uint32_t request, std::string_view id);
  void (*request_forgotten)(std::uint32_t request);
};
inline std::atomic<const RecordingObserver*> recording_observer{nullptr};

// Ends recording, unless the observer goes on.
void stop_recording() noexcept;

}  // namespace limelight::profiling::detail
