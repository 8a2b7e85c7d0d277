// How code says what it does: `Span span(name);` records from here to the end of the scope.
//
// While nothing is recorded a span is one relaxed load and a branch. While a session runs, it is
// two clock readings and one 32-byte store into the thread's own ring. A span that was open when
// recording began is not recorded.
//
//   static const NameId matmul = intern("matmul", Category::cpu_op, ValueKind::matmul);
//   Span span(matmul, pack_dims(m, n, k));
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "profiling/clock.hpp"
#include "profiling/record.hpp"
#include "profiling/ring.hpp"

namespace limelight::profiling {

namespace detail {
inline std::atomic<bool> recording{false};
struct ThreadState {
  Ring* ring = nullptr;
  std::uint32_t request = 0;
  std::uint32_t depth = 0;
};
inline constinit thread_local ThreadState thread_state;
Ring* attach_thread();  // allocates and registers the calling thread's ring
}  // namespace detail

inline bool recording() noexcept { return detail::recording.load(std::memory_order_relaxed); }

class Span {
 public:
  explicit Span(NameId name, std::uint64_t value = 0) noexcept {
    if (!recording()) [[likely]]
      return;
    name_ = name;
    value_ = value;
    ++detail::thread_state.depth;
    begin_ = ticks();
  }
  ~Span() {
    if (begin_ != 0) [[unlikely]]
      finish();
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

  // For a value that is known only at the end.
  void set_value(std::uint64_t value) noexcept { value_ = value; }
  // ticks() at the beginning; 0: nothing is recorded.
  std::uint64_t begin_ticks() const noexcept { return begin_; }
  // Drops the span: nothing worth telling happened.
  void discard() noexcept {
    if (begin_ == 0) return;
    begin_ = 0;
    --detail::thread_state.depth;
  }

 private:
  void finish() noexcept {
    const std::uint64_t end = ticks();
    detail::ThreadState& thread = detail::thread_state;
    const std::uint32_t depth = --thread.depth;
    Ring* ring = thread.ring;
    if (ring == nullptr) [[unlikely]]
      ring = detail::attach_thread();
    Record record{begin_, end, value_, name_, depth < 255 ? depth : 255, thread.request};
    ring->push(record);
  }

  std::uint64_t begin_ = 0;
  std::uint64_t value_ = 0;
  NameId name_ = 0;
};

// Marks what the calling thread does until the end of the scope as work for one request.
class RequestScope {
 public:
  explicit RequestScope(std::uint32_t request) noexcept : previous_(detail::thread_state.request) {
    detail::thread_state.request = request;
  }
  ~RequestScope() { detail::thread_state.request = previous_; }
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

 private:
  std::uint32_t previous_;
};

// Tells the trace what a request number is called. The last 4096 are kept.
void name_request(std::uint32_t request, std::string_view id);

// The name of the calling thread in the trace. Call it once, early.
void name_thread(std::string_view name);

}  // namespace limelight::profiling
