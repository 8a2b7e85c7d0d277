// Which phase the steps of a thread are in, for a profile of one phase (ProfileOptions::phase). The
// thread says it before each step, as a counter, so that whoever drains its records knows it before
// what is inside the step. While no such profile runs it is a load and a branch.
#pragma once

#include <atomic>
#include <cstdint>
#include <limelight/span.hpp>

#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

// prefill: at least one request computes a part of its prompt. none: there is no step after all.
enum class StepPhase : std::uint8_t { decode, prefill, none };

namespace detail {
inline std::atomic<bool> recording_phases{false};
}

inline bool recording_phases() noexcept {
  return detail::recording_phases.load(std::memory_order_relaxed);
}
inline void set_step_phase(StepPhase phase) noexcept {
  static const NameId name = intern(event_names::step_phase, Category::cpu_op, ValueKind::counter);
  set_counter(name, static_cast<std::uint64_t>(phase));
}

}  // namespace limelight::profiling
