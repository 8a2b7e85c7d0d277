#include "profiling/record/memory_sampler.hpp"

#include <algorithm>
#include <string_view>

#include "profiling/record/clock.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

namespace {
constexpr double sample_ns = 2e6, resident_ns = 10e6;
// A value that stays the same is repeated, so that each part of a trace shows it.
constexpr double repeat_ns = 100e6;

NameId track(std::string_view name) {
  return intern(name, Category::cpu_op, ValueKind::counter, false, Activity::memory);
}
std::uint64_t ticks_of(double ns) {
  constexpr std::int64_t many = 1'000'000'000;
  return static_cast<std::uint64_t>(ns * static_cast<double>(many) / ticks_to_ns(many));
}
}  // namespace

MemorySampler::MemorySampler(std::function<Pool()> pool)
    : pool_(std::move(pool)),
      sample_ticks_(ticks_of(sample_ns)),
      resident_ticks_(ticks_of(resident_ns)),
      repeat_ticks_(ticks_of(repeat_ns)),
      host_{track(event_names::memory_host)},
      device_{track(event_names::memory_device)},
      chunks_{track(event_names::memory_chunks)},
      resident_{track(event_names::memory_resident)},
      used_blocks_{track(event_names::kv_used_blocks)},
      free_blocks_{track(event_names::kv_free_blocks)},
      pool_chunks_{track(event_names::pool_used_chunks)} {}

MemorySampler::~MemorySampler() { stop(); }

void MemorySampler::show(Track& track, std::uint64_t value, std::uint64_t at) {
  if (track.ticks != 0 && track.value == value && at - track.ticks < repeat_ticks_) return;
  track.value = value;
  track.ticks = at;
  add_span(track.name, at, at, value);
}

void MemorySampler::show_tensors(Track& track,
                                 MemorySpace space,
                                 std::uint64_t bytes,
                                 std::uint64_t at) {
  if (const auto high = memory_ledger().take_high(space);
      high && high->ticks > std::max(track.ticks, sampled_))
    show(track, high->bytes, high->ticks);
  if (bytes != 0 || track.value != 0) show(track, bytes, at);
}

void MemorySampler::sample(bool now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;  // another thread is about it
  const std::uint64_t at = ticks();
  if (!now && at - sampled_ < sample_ticks_) return;
  const MemoryLedger& ledger = memory_ledger();
  const MemoryCells cells = ledger.now();
  show_tensors(host_, MemorySpace::host, cells.tensors(MemorySpace::host), at);
  show_tensors(device_, MemorySpace::device, cells.tensors(MemorySpace::device), at);
  show(chunks_, cells.of(MemorySpace::host, MemoryHolder::chunks), at);
  if (const std::uint64_t blocks = ledger.blocks(); blocks > 0) {
    const std::uint64_t used = std::min(ledger.used_blocks(), blocks);
    show(used_blocks_, used, at);
    show(free_blocks_, blocks - used, at);
    use_.kv_blocks = blocks;
    use_.peak_kv_blocks = std::max(use_.peak_kv_blocks, used);
  }
  if (pool_) {
    const Pool pool = pool_();
    memory_ledger().note_pool(pool.used, pool.chunks);
    show(pool_chunks_, pool.used, at);
    use_.pool_chunks = pool.chunks;
    use_.peak_pool_chunks = std::max(use_.peak_pool_chunks, pool.used);
  }
  if (resident_at_ == 0 || at - resident_at_ >= resident_ticks_) {
    const std::uint64_t bytes = resident_memory();
    show(resident_, bytes, at);
    use_.peak_resident_bytes = std::max(use_.peak_resident_bytes, bytes);
    resident_at_ = at;
  }
  sampled_ = at;
}

void MemorySampler::begin_use() {
  memory_ledger().begin_peak();
  use_ = {.recorded = true};
}

void MemorySampler::start() {
  {
    const std::lock_guard lock(mutex_);
    begin_use();
    sampled_ = resident_at_ = 0;
    for (Track* one :
         {&host_, &device_, &chunks_, &resident_, &used_blocks_, &free_blocks_, &pool_chunks_})
      one->value = one->ticks = 0;
    (void)memory_ledger().take_high(MemorySpace::host);
    (void)memory_ledger().take_high(MemorySpace::device);
  }
  detail::recording_memory.store(true, std::memory_order_relaxed);
  sample(true);
}

void MemorySampler::stop() {
  if (!detail::recording_memory.load(std::memory_order_relaxed)) return;
  {
    const std::lock_guard lock(mutex_);
    resident_at_ = 0;
  }
  sample(true);
  detail::recording_memory.store(false, std::memory_order_relaxed);
}

MemoryUse MemorySampler::take_use() {
  const std::lock_guard lock(mutex_);
  const MemoryCells peak = memory_ledger().peak();
  use_.peak_bytes = peak.total();
  use_.device_bytes = peak.tensors(MemorySpace::device);
  for (std::size_t space = 0; space < memory_spaces; ++space)
    for (std::size_t holder = 0; holder < memory_holders; ++holder) {
      if (peak.bytes[space][holder] == 0) continue;
      std::string name = to_string(static_cast<MemoryHolder>(holder));
      if (static_cast<MemorySpace>(space) == MemorySpace::device) name += " on the device";
      use_.holders.push_back({std::move(name), peak.bytes[space][holder]});
    }
  std::stable_sort(use_.holders.begin(), use_.holders.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  use_.failed = memory_ledger().last_failure();
  MemoryUse taken = std::move(use_);
  begin_use();
  return taken;
}

}  // namespace limelight::profiling
