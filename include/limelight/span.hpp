// Spans: `Span span(name);` records the time from here to the end of the scope.
//
//   static const NameId matmul = intern("matmul", Category::cpu_op, ValueKind::matmul);
//   Span span(matmul, pack_dims(m, n, k));
//
// A span costs one relaxed load and a branch while nothing is recorded, and two clock readings and
// one 32-byte store into the thread's own ring while a session runs. A span that was open when
// recording began is not recorded. Any thread may use spans; a span belongs to the thread that made
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <string_view>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace limelight::profiling {

namespace detail {
// Decided once, before main: CPUID 0x80000007 EDX bit 8.
bool cpu_has_invariant_tsc() noexcept;
inline const bool use_tsc = cpu_has_invariant_tsc();
}  // namespace detail

inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  if (detail::use_tsc) [[likely]]
    return __rdtsc();
#endif
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// The `cat` of the trace event, as PyTorch's tools read it in Chrome traces.
enum class Category : std::uint8_t { cpu_op, user_annotation };
const char* to_string(Category category) noexcept;

// How the trace interprets a record's `value`, and the args that it adds to the event.
enum class ValueKind : std::uint8_t {
  none,
  dims,    // one shape, up to three extents: args "Input Dims": [[a, b, c]]
  matmul,  // M, N, K of a product [M, K] x [K, N]: args "Input Dims": [[M, K], [K, N]]
  bytes,   // a size: args "bytes"
  chunk,   // a chunk handed from one process to another, see pack_chunk(): args "bytes", "channel",
           // "chunk"
  number,  // a plain count: args "value"
  step,    // the number N of a step. The event is called ProfilerStep#N, as PyTorch's tools expect;
           // args "step of" holds the interned name
  turn,    // a request's part of a step that several share, see pack_turn(): args "tokens",
           // "share us", "step us"
  counter  // no span, see set_counter()
};

// The kind of work that an event belongs to. A session can record some kinds only (see
// all_activities).
enum class Activity : std::uint8_t {
  cpu = 1,     // operations of stages, steps, and everything that has no kind below
  ipc = 2,     // loan, publish, take
  actors = 4,  // messages
  collectives = 8,
  gpu = 16,     // events that the device reports
  memory = 32,  // counters of memory: recorded where a profile asks for them, not by default
  // Parts of cpu, by ProfileOptions::detail.
  small_operation = 64,  // operations of some microseconds: not where whole blocks are recorded
  block = 128            // a layer of a network: only there
};

using NameId = std::uint32_t;  // fits 24 bits

// Any thread may call it. It is slow (a lock and a lookup), so call it once per call site. The same
// arguments give the same id.
NameId intern(std::string_view name,
              Category category = Category::cpu_op,
              ValueKind value_kind = ValueKind::none,
              bool correlated = false,
              Activity activity = Activity::cpu);
// Packs three extents of up to 2^21 - 1 each; a larger extent is stored as 2^21 - 1.
constexpr std::uint64_t pack_dims(std::uint64_t a,
                                  std::uint64_t b = 0,
                                  std::uint64_t c = 0) noexcept {
  constexpr std::uint64_t most = (1u << 21) - 1;
  const auto fit = [](std::uint64_t x) { return x < most ? x : most; };
  return fit(a) << 42 | fit(b) << 21 | fit(c);
}
// publish() and take() of a chunk record the same (channel, number, bytes), so the trace tools can
// pair them. channel: modulo 2^11. number: counts the chunks of the channel, modulo 2^24. bytes: at
// most 2^29 - 1; a larger size is stored as 2^29 - 1.
constexpr std::uint64_t pack_chunk(std::uint32_t channel,
                                   std::uint64_t number,
                                   std::uint64_t bytes) noexcept {
  constexpr std::uint64_t most_bytes = (1u << 29) - 1;
  return std::uint64_t{channel & 0x7ffu} << 53 | (number & 0xffffffu) << 29 |
         (bytes < most_bytes ? bytes : most_bytes);
}
// What a request had of a step: its tokens, its share of the step's time (what it sent is its own;
// the rest is shared by tokens), and that time, in us. Each is stored as its largest value if it
// exceeds it: 2^15 - 1 tokens, 2^24 - 1 us.
constexpr std::uint64_t pack_turn(std::uint64_t tokens,
                                  std::uint64_t share_us,
                                  std::uint64_t step_us) noexcept {
  constexpr std::uint64_t most_us = (1u << 24) - 1, most_tokens = (1u << 15) - 1;
  const auto fit = [](std::uint64_t x, std::uint64_t most) { return x < most ? x : most; };
  return fit(tokens, most_tokens) << 48 | fit(share_us, most_us) << 24 | fit(step_us, most_us);
}
namespace detail {
// No inline variables: a plug-in must share those of the program that loads it, however it is
// built.
extern std::atomic<bool> recording;
// Of cpu, small_operation and block: those that somebody wants recorded; 0 if nothing is recorded.
extern std::atomic<unsigned> recorded_kinds;
struct ThreadState {
  std::uint32_t request = 0;
  std::uint32_t depth = 0;
};
extern constinit thread_local ThreadState thread_state;
// Puts the record of a span that ends now into the calling thread's ring.
void record_span(std::uint64_t begin,
                 std::uint64_t value,
                 NameId name,
                 std::uint32_t depth) noexcept;
// Spans are NVTX ranges, too, where a profile asks for it (ProfileOptions::nvtx).
extern std::atomic<bool> marking;
void push_mark(NameId name, std::uint64_t value) noexcept;
void pop_mark() noexcept;
}  // namespace detail

inline bool recording() noexcept { return detail::recording.load(std::memory_order_relaxed); }
inline bool recording(Activity kind) noexcept {
  return (detail::recorded_kinds.load(std::memory_order_relaxed) & static_cast<unsigned>(kind)) !=
         0;
}

class Span {
 public:
  explicit Span(NameId name, std::uint64_t value = 0) noexcept {
    if (!recording()) [[likely]]
      return;
    open(name, value);
  }
  // Recorded where a profile asks for so much detail: for operations inside a step. kind: cpu,
  // small_operation or block, as the name was interned.
  Span(Activity kind, NameId name, std::uint64_t value = 0) noexcept {
    if (!recording(kind)) [[likely]]
      return;
    open(name, value);
  }
  ~Span() {
    if (begin_ != 0) [[unlikely]]
      finish();
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

  // For a value that is not known at the beginning.
  void set_value(std::uint64_t value) noexcept { value_ = value; }
  // ticks() at the beginning; 0 if the span is not recorded.
  std::uint64_t begin_ticks() const noexcept { return begin_; }
  // The span will not be recorded, for example because there was nothing to do.
  void discard() noexcept {
    if (begin_ == 0) return;
    begin_ = 0;
    --detail::thread_state.depth;
    if ((name_ & marked) != 0) [[unlikely]]
      detail::pop_mark();
  }

 private:
  static constexpr NameId marked = NameId{1} << 31;  // beside the 24 bits of names
  void open(NameId name, std::uint64_t value) noexcept {
    name_ = name;
    value_ = value;
    ++detail::thread_state.depth;
    if (detail::marking.load(std::memory_order_relaxed)) [[unlikely]] {
      detail::push_mark(name, value);
      name_ |= marked;
    }
    begin_ = ticks();
  }
  void finish() noexcept {
    detail::record_span(begin_, value_, name_ & ~marked, --detail::thread_state.depth);
    if ((name_ & marked) != 0) [[unlikely]]
      detail::pop_mark();
  }

  std::uint64_t begin_ = 0;
  std::uint64_t value_ = 0;
  NameId name_ = 0;
};

// Records a span of the calling thread that is over, such as one that a library has measured.
// begin, end: of ticks(). It has to lie inside the spans that are open on this thread; if there is
// one, ask for its begin_ticks() first: what is 0 is not recorded, and neither should its parts be.
void add_span(NameId name,
              std::uint64_t begin,
              std::uint64_t end,
              std::uint64_t value = 0) noexcept;

// Records the value that a counter of this process has from now on, such as the length of a queue:
// the trace has a track of it. name: interned as ValueKind::counter. It costs what a span costs.
// Any thread may call it.
inline void set_counter(NameId name, std::uint64_t value) noexcept {
  if (!recording()) [[likely]]
    return;
  detail::record_span(ticks(), value, name, detail::thread_state.depth);
}

// Marks the work of the calling thread, until the end of the scope, as work for one request.
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

// Sets the name of a request number in the trace. It is kept until forget_request().
void name_request(std::uint32_t request, std::string_view id);
// The request has ended. Traces that are written a little later still show its name: the names of
// the last 4096 such requests are kept. Does nothing if the request has no name.
void forget_request(std::uint32_t request);

// Sets the name of the calling thread in the trace. Call it once, when the thread starts.
void name_thread(std::string_view name);

}  // namespace limelight::profiling
