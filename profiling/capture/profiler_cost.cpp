#include "profiling/capture/profiler_cost.hpp"

#include <time.h>

#include <algorithm>

#include "profiling/record/clock.hpp"
#include "profiling/record/ring.hpp"

namespace limelight::profiling {

namespace {
// The smallest of several measurements, each of a few spans that go to a ring without a reader.
double measure_span_ns() {
  constexpr int spans = 64;
  Ring ring(spans, 0);
  double least = 1e9;
  for (int tries = 0; tries < 8; ++tries) {
    const std::uint64_t start = ticks();
    for (int i = 0; i < spans; ++i) {
      const std::uint64_t begin = ticks();
      ring.push({begin, ticks(), 0, 0, 0, 0});
    }
    least = std::min(least, ticks_to_ns(static_cast<std::int64_t>(ticks() - start)) / spans);
    ring.drain([](const Record&) {});
  }
  return least;
}
}  // namespace

std::uint64_t thread_cpu_ns() noexcept {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(used.tv_nsec);
}

double span_cost_ns() {
  static const double span_ns = measure_span_ns();
  return span_ns;
}

}  // namespace limelight::profiling
