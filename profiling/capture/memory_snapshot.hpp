// The file beside a trace that says of each allocation that failed for what it was, how large, who
// had the rest, and what the counters of memory were at that moment.
//
//   <the trace's name>.failed-allocations.json
//   {"trace": "...", "failures": [{"at_ns": ..., "ts": ..., "wanted_bytes": ..., "for": "weights",
//     "on": "host", "thread": ..., "request": "...", "holders": {"kv cache": ...},
//     "counters": {"memory.host": ...}, "sentence": "..."}]}
//
// at_ns: CLOCK_REALTIME; ts: microseconds since the trace's base. Any thread may call the
// functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/profile.hpp>
#include <string>
#include <vector>

#include "profiling/record/clock.hpp"
#include "profiling/record/memory_ledger.hpp"

namespace limelight::profiling {

std::string memory_snapshot(const std::filesystem::path& trace,
                            const std::vector<MemoryFailure>& failures,
                            const ClockMap& clock,
                            std::int64_t base_ns);

std::filesystem::path memory_snapshot_of(const std::filesystem::path& trace);

// Writes the snapshots of those that failed from a time on, if there are any, and says so in the
// report; report.file: the trace. What cannot be written is in its note. from_ticks: of ticks().
void write_memory_snapshot(std::uint64_t from_ticks,
                           const ClockMap& clock,
                           std::int64_t base_ns,
                           RankTrace& report);

}  // namespace limelight::profiling
