// A span around code that gives work to a device: what the device does for it carries the span's
// External id.
//
// Costs what a Span costs while no source is attached. With one, two calls into it are added.
#pragma once

#include <atomic>

#include "profiling/device_activity.hpp"
#include "profiling/span.hpp"

namespace limelight::profiling {

namespace detail {
// Set by a source while it records. `id`: ticks() at the span's begin.
struct CorrelationHooks {
  void (*push)(std::uint64_t id);
  void (*pop)();
  void (*collective)(std::uint64_t id, const CollectiveInfo& info);
};
inline std::atomic<const CorrelationHooks*> correlation_hooks{nullptr};
}  // namespace detail

class CorrelatedSpan {
 public:
  // name: interned with ValueKind as for Span and `correlated` set.
  explicit CorrelatedSpan(NameId name, std::uint64_t value = 0) noexcept : span_(name, value) {
    if (span_.begin_ticks() == 0) [[likely]]
      return;
    hooks_ = detail::correlation_hooks.load(std::memory_order_acquire);
    if (hooks_ != nullptr) hooks_->push(span_.begin_ticks());
  }
  ~CorrelatedSpan() {
    if (hooks_ != nullptr) hooks_->pop();
  }
  CorrelatedSpan(const CorrelatedSpan&) = delete;
  // Tells the kernels of this span that they are this collective.
  void set_collective(const CollectiveInfo& info) {
    if (hooks_ != nullptr) hooks_->collective(span_.begin_ticks(), info);
  }

 private:
  Span span_;
  const detail::CorrelationHooks* hooks_ = nullptr;
};

}  // namespace limelight::profiling
