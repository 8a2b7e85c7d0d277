// The clock of all records.
//
// ticks() is what a span reads: the TSC where it is invariant, CLOCK_MONOTONIC_RAW elsewhere. All
// processes of a machine read the same counter, so ticks of different ranks can be compared. A
// ClockMap turns ticks into nanoseconds of CLOCK_REALTIME; it is monotonic, so that spans which
// nest in ticks nest in nanoseconds as well. The functions may be called from any thread; a
// ClockMap belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <limelight/span.hpp>
#include <vector>

namespace limelight::profiling {

// "tsc" or "clock_gettime": what ticks() reads here.
const char* clock_source() noexcept;

// Nanoseconds of CLOCK_REALTIME; on a machine that works for an orchestrator on another one, of
// that machine's clock: this one's, less the offset of set_host_clock(). So the times of all ranks
// of a run are of one clock, in statistics and in traces.
std::int64_t realtime_ns() noexcept;
// This machine's own clock.
std::int64_t host_realtime_ns() noexcept;

// How this machine's clock differs from the orchestrator's.
struct HostClock {
  std::int64_t offset_ns = 0;  // this clock minus that one
  std::int64_t error_ns = -1;  // the offset is wrong by so much at most; -1: it is the same clock
  bool is_another() const noexcept { return error_ns >= 0; }
};
// On any thread, while others read the clock. A ClockMap follows a small change; the first offset
// comes with the process, in this variable: "<offset>,<error>".
inline constexpr const char* host_clock_variable = "LIMELIGHT_HOST_CLOCK";
void set_host_clock(const HostClock& clock) noexcept;
HostClock host_clock() noexcept;

// For tests: host_realtime_ns() is ahead by so many nanoseconds, and gains so many parts of a
// million: "<nanoseconds>[,<ppm>]".
inline constexpr const char* test_clock_variable = "LIMELIGHT_TEST_CLOCK";

// One reading of each clock, taken at nearly the same time: the closest pair of several tries.
struct ClockPair {
  std::uint64_t ticks = 0;
  std::int64_t realtime_ns = 0;
};
ClockPair read_clock_pair() noexcept;

// The length of `elapsed` ticks in nanoseconds. The first call calibrates the clock and may
// therefore block for up to 10 ms, as ClockMap::calibrate() does.
double ticks_to_ns(std::int64_t elapsed) noexcept;

// A piecewise linear and monotonic map from ticks to CLOCK_REALTIME. follow() only appends a piece:
// a tick that was mapped once is mapped to the same time for ever.
class ClockMap {
 public:
  // Computes the rate from the pair of readings taken at process start and one taken now. The two
  // must be at least 10 ms apart, so a process younger than that waits here.
  static ClockMap calibrate();
  // Corrects drift: changes the rate for ticks from now on, without a jump, so that the map agrees
  // with CLOCK_REALTIME again about half a second later. Call it every half second.
  void follow();

  std::int64_t to_realtime_ns(std::uint64_t tick) const noexcept {
    const Piece* piece = &pieces_.back();
    while (static_cast<std::int64_t>(tick - piece->from.ticks) < 0 && piece != &pieces_.front())
      --piece;
    const double elapsed =
        static_cast<double>(static_cast<std::int64_t>(tick - piece->from.ticks)) *
        piece->ns_per_tick;
    return piece->from.realtime_ns + static_cast<std::int64_t>(elapsed);
  }
  // The inverse. It uses the newest piece only, so it is exact for times near now.
  std::uint64_t to_ticks(std::int64_t realtime_ns) const noexcept {
    const Piece& piece = pieces_.back();
    return piece.from.ticks +
           static_cast<std::uint64_t>(static_cast<std::int64_t>(
               static_cast<double>(realtime_ns - piece.from.realtime_ns) / piece.ns_per_tick));
  }
  // How far this map is from CLOCK_REALTIME now, in nanoseconds (positive: the map is ahead).
  std::int64_t error_ns() const noexcept;
  double ns_per_tick() const noexcept { return pieces_.back().ns_per_tick; }

 private:
  struct Piece {
    ClockPair from;
    double ns_per_tick = 1.0;
  };
  std::vector<Piece> pieces_;
};

// The base (baseTimeNanoseconds) that all traces of a session share: the current time, rounded down
// to a multiple of 7 889 238 s (a quarter of a year), as other writers of this format do.
std::int64_t default_base_ns() noexcept;

}  // namespace limelight::profiling
