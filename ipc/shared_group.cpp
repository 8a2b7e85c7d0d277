#include "ipc/shared_group.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <limelight/span.hpp>
#include <thread>

#include "base/shm_budget.hpp"
#include "base/try.hpp"
#include "profiling/record/event_names.hpp"

namespace limelight::ipc {

namespace prof = limelight::profiling;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint32_t ready_word = 0x4c4d4752;
constexpr auto collective_timeout = std::chrono::seconds(30);
constexpr int spins = 2000;

// The beginning of the segment. A slot of capacity_bytes for each member follows.
struct Head {
  std::atomic<std::uint32_t> ready;
  std::uint32_t size;
  std::uint64_t capacity;
  alignas(64) std::atomic<std::uint32_t> arrived;
  alignas(64) std::atomic<std::uint32_t> phase;  // futex word: the number of barriers passed
};
constexpr std::size_t head_bytes = 256;
static_assert(sizeof(Head) <= head_bytes);

std::size_t slot_bytes(std::size_t capacity_bytes) { return (capacity_bytes + 63) / 64 * 64; }

void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  const timespec slice{0, 50'000'000};  // wakes up regularly to check the deadline
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT, value, &slice, nullptr,
          0);
}
void wake_all(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr,
          0);
}

}  // namespace

struct SharedGroup::State {
  std::string name;
  int rank = 0, size = 1, fd = -1;
  std::size_t capacity = 0, mapped = 0;
  std::byte* memory = nullptr;

  Head& head() const { return *reinterpret_cast<Head*>(memory); }
  std::byte* slot(int of) const {
    return memory + head_bytes + static_cast<std::size_t>(of) * capacity;
  }

  Result<void> barrier(Clock::time_point deadline) const {
    Head& h = head();
    const std::uint32_t phase = h.phase.load(std::memory_order_acquire);
    if (h.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(size)) {
      h.arrived.store(0, std::memory_order_relaxed);
      h.phase.store(phase + 1, std::memory_order_release);
      wake_all(h.phase);
      return {};
    }
    for (int i = 0; h.phase.load(std::memory_order_acquire) == phase; ++i) {
      if (i < spins) continue;
      if (Clock::now() > deadline)
        return Error{ErrorCode::timeout, "collective of group " + name + ": rank " +
                                             std::to_string(rank) +
                                             " waited in vain for another rank"};
      sleep_while(h.phase, phase);
    }
    return {};
  }

  ~State() {
    if (memory != nullptr) munmap(memory, mapped);
    if (fd >= 0) ::close(fd);
    if (rank == 0) shm_unlink(("/" + name).c_str());
  }
};

std::size_t SharedGroup::segment_bytes(int size, std::size_t capacity_bytes) noexcept {
  return head_bytes + static_cast<std::size_t>(size) * slot_bytes(capacity_bytes);
}

Result<SharedGroup> SharedGroup::join(const std::string& name,
                                      int rank,
                                      int size,
                                      std::size_t capacity_bytes,
                                      std::chrono::milliseconds timeout) {
  auto state = std::make_unique<State>();
  state->name = name;
  state->size = size;
  state->capacity = slot_bytes(capacity_bytes);
  state->mapped = segment_bytes(size, capacity_bytes);
  const std::string path = "/" + name;
  const auto refuse = [&](const char* what) {
    return Error{ErrorCode::io,
                 "shared memory " + path + ": " + what + ": " + std::strerror(errno)};
  };
  const auto deadline = Clock::now() + timeout;
  if (rank == 0) {
    state->fd = shm_open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (state->fd < 0) return refuse("cannot create");
    if (::flock(state->fd, LOCK_EX) != 0) return refuse("cannot lock");
    if (auto room = allocate_shm(state->fd, state->mapped, {}, "collectives"); !room)
      return room.error();  // State's destructor removes the file
  } else {
    struct stat info {};
    for (;;) {
      if (state->fd < 0) state->fd = shm_open(path.c_str(), O_RDWR | O_CLOEXEC, 0600);
      if (state->fd >= 0 && ::fstat(state->fd, &info) == 0 &&
          static_cast<std::size_t>(info.st_size) == state->mapped)
        break;
      if (Clock::now() > deadline)
        return Error{ErrorCode::timeout,
                     "shared memory " + path + ": rank 0 of the group did not create it"};
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  state->rank = rank;
  void* memory = mmap(nullptr, state->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, state->fd, 0);
  if (memory == MAP_FAILED) return refuse("cannot map");
  state->memory = static_cast<std::byte*>(memory);
  Head& head = state->head();
  if (rank == 0) {
    head.size = static_cast<std::uint32_t>(size);
    head.capacity = state->capacity;
    head.ready.store(ready_word, std::memory_order_release);
  } else {
    while (head.ready.load(std::memory_order_acquire) != ready_word) {
      if (Clock::now() > deadline)
        return Error{ErrorCode::timeout,
                     "shared memory " + path + ": rank 0 of the group did not initialise it"};
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (head.size != static_cast<std::uint32_t>(size) || head.capacity != state->capacity)
      return Error{ErrorCode::corrupt,
                   "shared memory " + path + ": found another size or capacity of the group"};
  }
  return SharedGroup(std::move(state));
}

SharedGroup::SharedGroup(std::unique_ptr<State> state) : state_(std::move(state)) {}
SharedGroup::SharedGroup(SharedGroup&&) noexcept = default;
SharedGroup::~SharedGroup() = default;
int SharedGroup::rank() const noexcept { return state_->rank; }
int SharedGroup::size() const noexcept { return state_->size; }

Result<void> SharedGroup::all_reduce_sum(std::span<float> values) {
  static const prof::NameId name =
      prof::intern(prof::event_names::all_reduce, prof::Category::cpu_op, prof::ValueKind::bytes,
                   false, prof::Activity::collectives);
  const prof::Span span(name, values.size_bytes());
  const auto deadline = Clock::now() + collective_timeout;
  const std::size_t piece = state_->capacity / sizeof(float);
  for (std::size_t at = 0; at < values.size(); at += piece) {
    const auto part = values.subspan(at, std::min(piece, values.size() - at));
    std::memcpy(state_->slot(state_->rank), part.data(), part.size_bytes());
    LIMELIGHT_TRY(state_->barrier(deadline));
    const auto* first = reinterpret_cast<const float*>(state_->slot(0));
    std::copy(first, first + part.size(), part.begin());
    for (int r = 1; r < state_->size; ++r) {
      const auto* other = reinterpret_cast<const float*>(state_->slot(r));
      for (std::size_t i = 0; i < part.size(); ++i) part[i] += other[i];
    }
    // No member may overwrite its slot while another one reads it.
    LIMELIGHT_TRY(state_->barrier(deadline));
  }
  return {};
}

Result<void> SharedGroup::broadcast(std::span<std::byte> data, std::chrono::milliseconds timeout) {
  static const prof::NameId name =
      prof::intern(prof::event_names::broadcast, prof::Category::cpu_op, prof::ValueKind::bytes,
                   false, prof::Activity::collectives);
  const prof::Span span(name, data.size());
  if (data.size() > state_->capacity)
    return Error{ErrorCode::too_large,
                 "broadcast in group " + state_->name + ": found " + std::to_string(data.size()) +
                     " bytes, expected at most " + std::to_string(state_->capacity)};
  const auto deadline = timeout.count() == 0 ? Clock::time_point::max() : Clock::now() + timeout;
  if (state_->rank == 0) std::memcpy(state_->slot(0), data.data(), data.size());
  LIMELIGHT_TRY(state_->barrier(deadline));
  if (state_->rank != 0) std::memcpy(data.data(), state_->slot(0), data.size());
  return state_->barrier(deadline);
}

}  // namespace limelight::ipc
