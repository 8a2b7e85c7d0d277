#include "profiling/record/clock.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <thread>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/whole_number.hpp"

namespace limelight::profiling {

namespace detail {
bool cpu_has_invariant_tsc() noexcept {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1u << 8)) != 0;
#else
  return false;
#endif
}
}  // namespace detail

namespace {

// "a,b" as it is in a variable; what is missing or no number is `otherwise`.
struct TwoNumbers {
  std::int64_t first = 0, second = 0;
};
TwoNumbers numbers_in(const char* variable, TwoNumbers otherwise) {
  const char* set = std::getenv(variable);
  const std::string_view text = set == nullptr ? "" : set;
  const auto comma = std::min(text.find(','), text.size());
  return {whole_number<std::int64_t>(text.substr(0, comma)).value_or(otherwise.first),
          whole_number<std::int64_t>(text.substr(std::min(comma + 1, text.size())))
              .value_or(otherwise.second)};
}

std::int64_t now_of(clockid_t clock) noexcept {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

struct OffsetOfHost {
  std::atomic<std::int64_t> offset_ns, error_ns;
};
// Reached by static objects of other sources, before or after this one's.
OffsetOfHost& offset_of_host() noexcept {
  static const TwoNumbers begin = numbers_in(host_clock_variable, {0, -1});
  static OffsetOfHost offset{begin.first, begin.second};
  return offset;
}

const ClockPair process_start = read_clock_pair();
constexpr std::int64_t min_calibration_ns = 10'000'000;
constexpr double follow_interval_ns = 5e8;
constexpr std::size_t most_pieces = 1024;
}  // namespace

const char* clock_source() noexcept { return detail::use_tsc ? "tsc" : "clock_gettime"; }

std::int64_t host_realtime_ns() noexcept {
  static const TwoNumbers test = numbers_in(test_clock_variable, {0, 0});
  const std::int64_t now = now_of(CLOCK_REALTIME) + test.first;
  return test.second == 0 ? now : now + now_of(CLOCK_MONOTONIC) / 1'000'000 * test.second;
}

std::int64_t realtime_ns() noexcept {
  return host_realtime_ns() - offset_of_host().offset_ns.load(std::memory_order_relaxed);
}

void set_host_clock(const HostClock& clock) noexcept {
  offset_of_host().offset_ns.store(clock.offset_ns, std::memory_order_relaxed);
  offset_of_host().error_ns.store(clock.error_ns, std::memory_order_relaxed);
}

HostClock host_clock() noexcept {
  return {offset_of_host().offset_ns.load(std::memory_order_relaxed),
          offset_of_host().error_ns.load(std::memory_order_relaxed)};
}

ClockPair read_clock_pair() noexcept {
  ClockPair best;
  std::uint64_t best_gap = ~std::uint64_t{0};
  for (int i = 0; i < 16; ++i) {
    const std::uint64_t before = ticks();
    const std::int64_t now = realtime_ns();
    const std::uint64_t after = ticks();
    if (after - before < best_gap) {
      best_gap = after - before;
      best = {before + (after - before) / 2, now};
    }
  }
  return best;
}

double ticks_to_ns(std::int64_t elapsed) noexcept {
  static const double ns_per_tick = ClockMap::calibrate().ns_per_tick();
  return static_cast<double>(elapsed) * ns_per_tick;
}

ClockMap ClockMap::calibrate() {
  ClockPair now = read_clock_pair();
  const std::int64_t age = now.realtime_ns - process_start.realtime_ns;
  if (age < min_calibration_ns) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(min_calibration_ns - (age > 0 ? age : 0)));
    now = read_clock_pair();
  }
  ClockMap map;
  map.pieces_.push_back({now, static_cast<double>(now.realtime_ns - process_start.realtime_ns) /
                                  static_cast<double>(now.ticks - process_start.ticks)});
  return map;
}

void ClockMap::follow() {
  const Piece last = pieces_.back();
  const ClockPair now = read_clock_pair();
  const auto ticks = static_cast<double>(now.ticks - last.from.ticks);
  const std::int64_t mapped = to_realtime_ns(now.ticks);
  const auto error = static_cast<double>(now.realtime_ns - mapped);
  // The new rate is the measured rate plus the correction that removes the present error within the
  // next half second. The correction is limited to 1 in 1000, which keeps the map monotonic even if
  // somebody sets the system's clock.
  const double rate = static_cast<double>(now.realtime_ns - pieces_.front().from.realtime_ns) /
                      static_cast<double>(now.ticks - pieces_.front().from.ticks);
  const double base =
      std::abs(rate / last.ns_per_tick - 1) < 1e-3 && ticks > 0 ? rate : last.ns_per_tick;
  const double bend = std::clamp(error / follow_interval_ns, -1e-3, 1e-3);
  pieces_.push_back({{now.ticks, mapped}, base * (1 + bend)});
  if (pieces_.size() > most_pieces) pieces_.erase(pieces_.begin() + 1);
}

std::int64_t ClockMap::error_ns() const noexcept {
  const ClockPair now = read_clock_pair();
  return to_realtime_ns(now.ticks) - now.realtime_ns;
}

std::int64_t default_base_ns() noexcept {
  constexpr std::int64_t period_ns = std::int64_t{7'889'238} * 1'000'000'000;
  return realtime_ns() / period_ns * period_ns;
}

}  // namespace limelight::profiling
