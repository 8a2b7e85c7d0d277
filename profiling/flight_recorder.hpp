// The flight recorder: the last seconds of this process, always there, in fixed memory; written as a normal trace when somebody asks.
//
// While it is enabled every span is recorded. A thread empties the rings into one circular memory a few times a second; while a session runs, that
// session's thread does it. What is oldest is overwritten. All functions may be called from any thread.
#pragma once

#include <chrono>

#include "profiling/record.hpp"
#include "profiling/session.hpp"

namespace limelight::profiling {

struct FlightOptions {
  std::chrono::milliseconds keep{10'000};
  std::size_t most_records = std::size_t{1} << 18;  // 10 MiB; what is recorded faster than this lasts is kept for a shorter time
};

void enable_flight_recorder(const FlightOptions& options);
void disable_flight_recorder();

// Writes what ended within `last` before now, at most what is kept. options as for a session; its limits do not count.
// Errors: unavailable (not enabled), io.
Result<SessionReport> dump_flight_recorder(SessionOptions options, std::chrono::milliseconds last);

namespace detail {
// Called by whoever empties a ring, with each record.
void keep_for_flight(const Record& record, int thread_id) noexcept;
bool flight_enabled() noexcept;
}  // namespace detail

}  // namespace limelight::profiling
