#include "profiling/record/memory_ledger.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limelight/span.hpp>

#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

std::atomic<bool> detail::recording_memory{false};

namespace {
constinit thread_local MemoryHolder thread_holder = MemoryHolder::activations;

constexpr const char* holder_names[memory_holders] = {"weights", "weights in mapped files",
                                                      "kv cache", "activations", "chunks"};

std::string mebibytes(std::uint64_t bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1u << 20));
  return text;
}

std::uint64_t not_negative(std::int64_t number) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0));
}
}  // namespace

const char* to_string(MemoryHolder holder) noexcept {
  return holder_names[static_cast<std::size_t>(holder)];
}

std::uint64_t MemoryCells::tensors(MemorySpace space) const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t cell : bytes[static_cast<std::size_t>(space)]) sum += cell;
  return sum - of(space, MemoryHolder::chunks);
}

std::uint64_t MemoryCells::total() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& space : bytes)
    for (const std::uint64_t cell : space) sum += cell;
  return sum;
}

MemoryLedger& memory_ledger() {
  // Never freed: tensors of static storage may outlive it otherwise.
  static MemoryLedger* instance = new MemoryLedger;
  return *instance;
}

std::uint64_t MemoryLedger::blocks() const noexcept {
  return not_negative(blocks_.load(std::memory_order_relaxed));
}
std::uint64_t MemoryLedger::used_blocks() const noexcept {
  return not_negative(used_blocks_.load(std::memory_order_relaxed));
}

MemoryCells MemoryLedger::now() const noexcept {
  MemoryCells cells;
  for (std::size_t space = 0; space < memory_spaces; ++space)
    for (std::size_t holder = 0; holder < memory_holders; ++holder)
      cells.bytes[space][holder] = cells_[space][holder].load(std::memory_order_relaxed);
  return cells;
}

void MemoryLedger::note_high(MemorySpace space) noexcept {
  const MemoryCells cells = now();
  auto& high = high_[static_cast<std::size_t>(space)];
  if (const std::uint64_t bytes = cells.tensors(space);
      bytes > high.load(std::memory_order_relaxed)) {
    high.store(bytes, std::memory_order_relaxed);
    high_ticks_[static_cast<std::size_t>(space)].store(ticks(), std::memory_order_relaxed);
  }
  const std::uint64_t total = cells.total();
  if (total <= peak_bytes_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (total <= peak_.total()) return;
  peak_ = cells;
  peak_bytes_.store(total, std::memory_order_relaxed);
}

void MemoryLedger::begin_peak() {
  const std::lock_guard lock(mutex_);
  peak_ = now();
  peak_bytes_.store(peak_.total(), std::memory_order_relaxed);
  last_failure_.clear();
}

MemoryCells MemoryLedger::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

std::optional<MemoryLedger::High> MemoryLedger::take_high(MemorySpace space) noexcept {
  const auto index = static_cast<std::size_t>(space);
  const std::uint64_t bytes = now().tensors(space);
  const High high{high_[index].exchange(bytes, std::memory_order_relaxed),
                  high_ticks_[index].load(std::memory_order_relaxed)};
  return high.bytes > bytes && high.ticks != 0 ? std::optional(high) : std::nullopt;
}

std::string MemoryLedger::failed(MemorySpace space, MemoryHolder holder, std::uint64_t bytes) {
  static const NameId failure =
      intern(event_names::memory_failed, Category::user_annotation, ValueKind::bytes);
  const std::uint64_t begin = ticks();
  add_span(failure, begin, begin, bytes);
  const MemoryCells cells = now();
  std::string text("found no room for ");
  text.append(bytes == 0 ? "a piece of unknown size" : mebibytes(bytes));
  text.append(space == MemorySpace::device ? " of the device's memory for " : " for ");
  text.append(to_string(holder)).append(", beside");
  bool any = false;
  for (std::size_t s = 0; s < memory_spaces; ++s)
    for (std::size_t h = 0; h < memory_holders; ++h) {
      const std::uint64_t held = cells.bytes[s][h];
      if (held == 0) continue;
      std::string name(event_names::memory_failed);
      name.append(": ").append(holder_names[h]).append(s == 1 ? " on the device" : "");
      set_counter(intern(name, Category::cpu_op, ValueKind::counter), held);
      text.append(any ? ", " : " ").append(mebibytes(held)).append(" of ").append(holder_names[h]);
      if (s == 1) text.append(" on the device");
      any = true;
    }
  if (!any) text.append(" nothing else");
  MemoryFailure kept{.ticks = begin,
                     .thread_id = static_cast<int>(::syscall(SYS_gettid)),
                     .request = detail::thread_state.request,
                     .space = space,
                     .holder = holder,
                     .bytes = bytes,
                     .held = cells,
                     .blocks = blocks(),
                     .used_blocks = used_blocks(),
                     .resident_bytes = resident_memory(),
                     .pool_chunks = pool_chunks_.load(std::memory_order_relaxed),
                     .used_pool_chunks = used_pool_chunks_.load(std::memory_order_relaxed),
                     .sentence = text};
  const std::lock_guard lock(mutex_);
  last_failure_ = text;
  kept.number = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
  kept_failures_.push_back(std::move(kept));
  if (kept_failures_.size() > most_failures) kept_failures_.pop_front();
  return text;
}

std::vector<MemoryFailure> MemoryLedger::failures_since(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  std::vector<MemoryFailure> found;
  for (const MemoryFailure& one : kept_failures_)
    if (one.number > number) found.push_back(one);
  return found;
}

// The second number of statm: pages.
std::uint64_t resident_memory() noexcept {
  // Opened each time: a child of this process would read its parent's.
  const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char text[128];
  const ssize_t size = statm < 0 ? -1 : ::pread(statm, text, sizeof text, 0);
  if (statm >= 0) ::close(statm);
  if (size <= 0) return 0;
  const char* end = text + size;
  const char* at = std::find(static_cast<const char*>(text), end, ' ');
  std::uint64_t pages = 0;
  if (at != end) std::from_chars(at + 1, end, pages);
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return pages * page;
}

std::string MemoryLedger::last_failure() const {
  const std::lock_guard lock(mutex_);
  return last_failure_;
}

MemoryScope::MemoryScope(MemoryHolder holder) noexcept
    : previous_(std::exchange(thread_holder, holder)) {}
MemoryScope::~MemoryScope() { thread_holder = previous_; }
MemoryHolder MemoryScope::holder() noexcept { return thread_holder; }

}  // namespace limelight::profiling
