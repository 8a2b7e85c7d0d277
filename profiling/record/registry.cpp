#include "profiling/record/registry.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <limelight/span.hpp>
#include <string_view>

namespace limelight::profiling {

namespace detail {

std::atomic<bool> recording{false}, marking{false};
std::atomic<unsigned> recorded_kinds{0};
constinit thread_local ThreadState thread_state;

Registry& registry() {
  static Registry* instance = new Registry;  // never freed: it must outlive all recording threads
  return *instance;
}

namespace {
constexpr std::size_t ring_capacity = 1u << 15;  // 1 MiB a thread

constinit thread_local Ring* thread_ring = nullptr;

struct AbandonAtExit {
  ~AbandonAtExit() {
    if (thread_ring == nullptr) return;
    thread_ring->abandoned.store(true, std::memory_order_release);
    thread_ring = nullptr;
  }
};

// The names of older threads are forgotten, so that a process that keeps starting threads needs a
// bounded amount of memory.
constexpr std::size_t most_thread_names = 1024;

// Allocates and registers the calling thread's ring.
void attach_thread() {
  thread_local AbandonAtExit at_exit;
  auto ring = std::make_unique<Ring>(ring_capacity, static_cast<int>(syscall(SYS_gettid)));
  thread_ring = ring.get();
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.rings.push_back(std::move(ring));
}

void push(std::uint64_t begin,
          std::uint64_t end,
          std::uint64_t value,
          NameId name,
          std::uint32_t depth) noexcept {
  if (thread_ring == nullptr) [[unlikely]]
    attach_thread();
  thread_ring->push(
      Record{begin, end, value, name, depth < 255 ? depth : 255, thread_state.request});
}
}  // namespace

void record_span(std::uint64_t begin,
                 std::uint64_t value,
                 NameId name,
                 std::uint32_t depth) noexcept {
  push(begin, ticks(), value, name, depth);
}

std::vector<std::pair<int, std::string>> thread_names() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  return all.thread_names;
}

std::uint64_t ring_drops() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::uint64_t sum = all.drops_of_freed_rings;
  for (const auto& ring : all.rings) sum += ring->drops();
  return sum;
}

void stop_recording() noexcept {
  const RecordingObserver* observer = recording_observer.load(std::memory_order_acquire);
  const bool keeps = observer != nullptr && observer->keeps_recording();
  recorded_kinds.store(keeps ? usual_kinds : 0, std::memory_order_relaxed);
  recording.store(keeps, std::memory_order_relaxed);
}

void start_recording(unsigned kinds) noexcept {
  recorded_kinds.fetch_or(kinds, std::memory_order_relaxed);
  recording.store(true, std::memory_order_relaxed);
}

RequestNames& request_names() {
  static RequestNames* instance = new RequestNames;  // never freed: threads may still name requests
  return *instance;
}

}  // namespace detail

void add_span(NameId name, std::uint64_t begin, std::uint64_t end, std::uint64_t value) noexcept {
  if (recording()) detail::push(begin, end, value, name, detail::thread_state.depth);
}

// The table gets the name before the observer does, so that a flight recorder that is enabled at
// this moment finds it in the table.
void name_request(std::uint32_t request, std::string_view id) {
  detail::request_names().name(request, id);
  if (const auto* observer = detail::recording_observer.load(std::memory_order_acquire))
    observer->request_named(request, id);
}

void forget_request(std::uint32_t request) {
  detail::request_names().forget(request);
  if (const auto* observer = detail::recording_observer.load(std::memory_order_acquire))
    observer->request_forgotten(request);
}

void name_thread(std::string_view name) {
  const int thread = static_cast<int>(syscall(SYS_gettid));
  detail::Registry& all = detail::registry();
  const std::lock_guard lock(all.mutex);
  // Another thread may have had this id before and have ended.
  std::erase_if(all.thread_names, [&](const auto& known) { return known.first == thread; });
  if (all.thread_names.size() == detail::most_thread_names)
    all.thread_names.erase(all.thread_names.begin());
  all.thread_names.emplace_back(thread, std::string(name));
}

}  // namespace limelight::profiling
