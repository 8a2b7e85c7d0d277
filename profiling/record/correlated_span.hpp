// A span around code that launches work on a device: the kernels and copies that the code launches
// carry the span's External id in the trace.
//
// While no ActivitySource records, it costs as much as a Span. While one does, each span adds two
// calls into it (push and pop).
#pragma once

#include <atomic>
#include <limelight/span.hpp>

#include "profiling/record/device_activity.hpp"

namespace limelight::profiling {

namespace detail {
// A source sets these hooks while it records. `id` is ticks() at the beginning of the span.
struct CorrelationHooks {
  void (*push)(std::uint64_t id);
  void (*pop)();
  void (*collective)(std::uint64_t id, const CollectiveInfo& info);
};
inline std::atomic<const CorrelationHooks*> correlation_hooks{nullptr};
}  // namespace detail

class CorrelatedSpan {
 public:
  // name: interned with `correlated` set to true, otherwise as for Span.
  explicit CorrelatedSpan(NameId name, std::uint64_t value = 0) noexcept : span_(name, value) {
    push();
  }
  CorrelatedSpan(Activity kind, NameId name, std::uint64_t value = 0) noexcept
      : span_(kind, name, value) {
    push();
  }
  ~CorrelatedSpan() {
    if (hooks_ != nullptr) hooks_->pop();
  }
  CorrelatedSpan(const CorrelatedSpan&) = delete;
  // Marks the kernels that are launched inside this span as parts of this collective.
  void set_collective(const CollectiveInfo& info) {
    if (hooks_ != nullptr) hooks_->collective(span_.begin_ticks(), info);
  }

 private:
  void push() noexcept {
    if (span_.begin_ticks() == 0) [[likely]]
      return;
    hooks_ = detail::correlation_hooks.load(std::memory_order_acquire);
    if (hooks_ != nullptr) hooks_->push(span_.begin_ticks());
  }
  Span span_;
  const detail::CorrelationHooks* hooks_ = nullptr;
};

}  // namespace limelight::profiling
