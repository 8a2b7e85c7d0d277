// Who has how much of this process's memory: tensors by what they are for, chunks, blocks of KV
// caches.
//
// Whoever allocates says so, by a MemoryHold that lives as long as the memory. That costs an atomic
// addition, and is done always: a profile that starts later has to know what was there before.
// While memory is recorded the ledger also notes the highest sums, at the time that they were
// reached.
//
// The ledger is of the process, as the rings are. Any thread may call any function.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace limelight::profiling {

enum class MemorySpace : std::uint8_t { host, device };
enum class MemoryHolder : std::uint8_t {
  weights,
  mapped_weights,  // in a file that is mapped, and shared by the processes that map it
  kv_cache,
  activations,  // what a step or a request needs: all that has no other name
  chunks        // that are filled, or were taken and are read
};
inline constexpr std::size_t memory_spaces = 2, memory_holders = 5;
const char* to_string(MemoryHolder holder) noexcept;

// Bytes, by space and holder.
struct MemoryCells {
  std::array<std::array<std::uint64_t, memory_holders>, memory_spaces> bytes{};
  std::uint64_t of(MemorySpace space, MemoryHolder holder) const noexcept {
    return bytes[static_cast<std::size_t>(space)][static_cast<std::size_t>(holder)];
  }
  std::uint64_t tensors(MemorySpace space) const noexcept;  // all but chunks
  std::uint64_t total() const noexcept;
};

// An allocation that failed, and what was there at that moment.
struct MemoryFailure {
  std::uint64_t number = 0;  // from 1, of the process
  std::uint64_t ticks = 0;
  int thread_id = 0;
  std::uint32_t request = 0;  // that the thread worked for; 0: none, or several
  MemorySpace space = MemorySpace::host;
  MemoryHolder holder = MemoryHolder::activations;
  std::uint64_t bytes = 0;  // that were wanted; 0: not known
  MemoryCells held{};
  std::uint64_t blocks = 0, used_blocks = 0;            // of KV caches
  std::uint64_t resident_bytes = 0;                     // of the process, as the kernel counts it
  std::uint64_t pool_chunks = 0, used_pool_chunks = 0;  // as last seen; 0: never
  std::string sentence{};
};

namespace detail {
extern std::atomic<bool> recording_memory;
}

class MemoryLedger {
 public:
  void add(MemorySpace space, MemoryHolder holder, std::uint64_t bytes) noexcept {
    cell(space, holder).fetch_add(bytes, std::memory_order_relaxed);
    if (detail::recording_memory.load(std::memory_order_relaxed)) [[unlikely]]
      note_high(space);
  }
  void remove(MemorySpace space, MemoryHolder holder, std::uint64_t bytes) noexcept {
    cell(space, holder).fetch_sub(bytes, std::memory_order_relaxed);
  }
  // Blocks of KV caches, all and in use: differences.
  void add_blocks(std::int64_t all, std::int64_t used) noexcept {
    blocks_.fetch_add(all, std::memory_order_relaxed);
    used_blocks_.fetch_add(used, std::memory_order_relaxed);
  }
  std::uint64_t blocks() const noexcept;
  std::uint64_t used_blocks() const noexcept;
  MemoryCells now() const noexcept;

  // Memory was wanted and not given: records that and who has the rest, as a span and as counters,
  // in whatever records now. bytes: 0 if it is not known. Returns a sentence.
  std::string failed(MemorySpace space, MemoryHolder holder, std::uint64_t bytes);
  std::uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }
  std::string last_failure() const;  // empty: there was none
  // Those with higher numbers, of the last 64.
  static constexpr std::size_t most_failures = 64;
  std::vector<MemoryFailure> failures_since(std::uint64_t number) const;
  // What the pools of chunks had when somebody looked.
  void note_pool(std::uint64_t used, std::uint64_t chunks) noexcept {
    used_pool_chunks_.store(used, std::memory_order_relaxed);
    pool_chunks_.store(chunks, std::memory_order_relaxed);
  }

  // The highest sums begin anew with those of now.
  void begin_peak();
  MemoryCells peak() const;
  struct High {
    std::uint64_t bytes, ticks;
  };
  // The most that the tensors of a space had since the last call, and when, if it was more than
  // they had then.
  std::optional<High> take_high(MemorySpace space) noexcept;

 private:
  std::atomic<std::uint64_t>& cell(MemorySpace space, MemoryHolder holder) noexcept {
    return cells_[static_cast<std::size_t>(space)][static_cast<std::size_t>(holder)];
  }
  void note_high(MemorySpace space) noexcept;

  std::array<std::array<std::atomic<std::uint64_t>, memory_holders>, memory_spaces> cells_{};
  std::atomic<std::int64_t> blocks_{0}, used_blocks_{0};
  std::array<std::atomic<std::uint64_t>, memory_spaces> high_{}, high_ticks_{};
  std::atomic<std::uint64_t> peak_bytes_{0}, failures_{0}, used_pool_chunks_{0}, pool_chunks_{0};
  mutable std::mutex mutex_;  // guards the members below
  MemoryCells peak_;
  std::string last_failure_;
  std::deque<MemoryFailure> kept_failures_;
};
MemoryLedger& memory_ledger();
// Of this process, in bytes, with files that are mapped; 0: not known.
std::uint64_t resident_memory() noexcept;

// What the calling thread allocates until the end of the scope is held by this holder.
class MemoryScope {
 public:
  explicit MemoryScope(MemoryHolder holder) noexcept;
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  static MemoryHolder holder() noexcept;  // of the innermost scope; without one: activations

 private:
  MemoryHolder previous_;
};

// Memory that is in the ledger as long as the object lives.
class MemoryHold {
 public:
  MemoryHold() = default;
  MemoryHold(MemorySpace space, MemoryHolder holder, std::uint64_t bytes) noexcept
      : bytes_(bytes), space_(space), holder_(holder) {
    if (bytes_ != 0) memory_ledger().add(space_, holder_, bytes_);
  }
  MemoryHold(MemoryHold&& other) noexcept
      : bytes_(std::exchange(other.bytes_, 0)), space_(other.space_), holder_(other.holder_) {}
  MemoryHold& operator=(MemoryHold&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(space_, other.space_);
    std::swap(holder_, other.holder_);
    return *this;
  }
  ~MemoryHold() {
    if (bytes_ != 0) memory_ledger().remove(space_, holder_, bytes_);
  }

 private:
  std::uint64_t bytes_ = 0;
  MemorySpace space_ = MemorySpace::host;
  MemoryHolder holder_ = MemoryHolder::activations;
};

// The blocks of one KV cache in the ledger.
class BlocksHold {
 public:
  explicit BlocksHold(std::int64_t all) noexcept : all_(all) { memory_ledger().add_blocks(all, 0); }
  BlocksHold(BlocksHold&& other) noexcept
      : all_(std::exchange(other.all_, 0)), used_(std::exchange(other.used_, 0)) {}
  BlocksHold& operator=(BlocksHold&& other) noexcept {
    std::swap(all_, other.all_);
    std::swap(used_, other.used_);
    return *this;
  }
  ~BlocksHold() { memory_ledger().add_blocks(-all_, -used_); }
  void set_used(std::int64_t used) noexcept {
    if (used == used_) return;
    memory_ledger().add_blocks(0, used - used_);
    used_ = used;
  }

 private:
  std::int64_t all_, used_ = 0;
};

}  // namespace limelight::profiling
