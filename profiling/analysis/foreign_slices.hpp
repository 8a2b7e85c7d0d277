// The slices of a trace of any program, added up by name, and what could not be used of it.
//
//   events             become
//   X                  a slice; without a duration one of 0
//   B, E               a slice for each pair, as they nest on their thread
//   b, e               a slice of an async track for each pair of one category and id
//   S, F               the same, in the older form; T and n are instants
//   M                  names of processes: those that begin with /device: are devices
//   others             counted, no slices: counters, instants, flows, snapshots
//
// Slices of the categories that Kineto gives to what runs on a device, and those of devices'
// processes, are a device's time; the others are a CPU thread's.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <map>
#include <string>
#include <string_view>

#include "profiling/analysis/slice_totals.hpp"

namespace limelight::profiling {

using NamedTotals = std::map<std::string, SliceTotals::Total, std::less<>>;

struct ForeignSlices {
  NamedTotals cpu, device, async;
  std::uint64_t slices = 0, others = 0;  // others: events that are no slices
  std::uint64_t skipped = 0;             // elements that are no events, or have no time that counts
  std::uint64_t unfinished = 0;          // begins without ends, and ends without begins
  bool ends_early = false;
  // Such as "foreign.json: 12 slices, 3 other events; skipped 1 event that is damaged".
  std::string text(const std::filesystem::path& file) const;
};

// Whether Kineto, of this year or earlier ones and with GPUs of either maker, gives the category to
// what runs on a device.
bool is_device_category(std::string_view category);

// Errors: not_found, corrupt (no trace, or one without events; says which).
Result<ForeignSlices> read_foreign_slices(const std::filesystem::path& file);

}  // namespace limelight::profiling
