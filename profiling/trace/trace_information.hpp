// What a trace states about itself under its key `limelight`: its losses, its cost, and its
// session.
//
// trace_keys() is the only table of these keys. The writer, the recoverer and the merger write the
// keys in its order, and the validator demands them, so all of them agree. All functions may be
// called from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "profiling/trace/session_options.hpp"

namespace limelight::profiling {

// The values. An empty one is written as null, or not at all (see TraceKey::Presence).
//
//   key         | file of a session | recovered file     | merged file
//   session     | known             | from the file name | known if all inputs have the same
//   events      | known             | counted            | counted
//   drops, ...  | known             | null: lost         | the sum, if all inputs know it
//   detail      | known             | not there          | not there: see `ranks`
//   clock, gpu  | known             | null: lost         | null: they differ by rank, see `ranks`
struct TraceInformation {
  std::optional<std::string> session;
  std::optional<std::int64_t> replica;
  std::optional<std::uint64_t> events, drops, ring_drops, device_drops, zero_time_records,
      unknown_records, unmatched_correlations, session_ns, profiler_cpu_ns;
  std::optional<std::int64_t> clock_error_ns, begin_skew_ns;
  // Only of a rank on another machine than the orchestrator's: see RankTrace.
  std::optional<std::int64_t> host_clock_offset_ns, host_clock_error_ns;
  std::optional<double> span_ns, overhead_percent;
  std::optional<std::string> gpu, detail, note, truncated;
  std::optional<bool> recovered, merged;
  std::optional<std::uint64_t> unmatched_chunks;
  // Only where memory was recorded: see memory_words.hpp.
  std::optional<std::string> memory_json;
  // Only where allocations failed: {"times": 1, "last": "...", "file": "..."}.
  std::optional<std::string> failed_allocations_json;
  // Only where stacks were taken: an object with the members of StackUse.
  std::optional<std::string> stacks_json;
  // Only in a merged file: a JSON object with what each input states about itself, by rank.
  std::optional<std::string> ranks_json;
};

struct TraceKey {
  // How an unknown value is written. always: as null. if_known: not at all.
  enum class Presence { always, if_known };
  // The value in a merged file: unknown, or the sum over the inputs.
  enum class Merging { unknown, sum };
  struct Json {
    std::optional<std::string> TraceInformation::*member;
  };
  using Member = std::variant<std::optional<std::uint64_t> TraceInformation::*,
                              std::optional<std::int64_t> TraceInformation::*,
                              std::optional<double> TraceInformation::*,
                              std::optional<bool> TraceInformation::*,
                              std::optional<std::string> TraceInformation::*,
                              Json>;
  std::string_view key;
  Member member;
  Presence presence = Presence::always;
  Merging merging = Merging::unknown;
};
std::span<const TraceKey> trace_keys();

TraceInformation information_of(const RankTrace& report, std::string session);

// Adds one input to the information of a merged file: sums, and the session if all inputs have the
// same. own_json: the `limelight` object of the input. first: it is the first input.
void add_for_merge(TraceInformation& merged, std::string_view own_json, bool first);

// The value of the key `limelight`.
std::string information_json(const TraceInformation& information);

// Returns the text of a trace from the end of its last event to the end of the file. stack_frames:
// a JSON object; empty: no such key.
std::string trace_end(const TraceInformation& information,
                      std::string_view trace_name,
                      std::string_view stack_frames = {});

// The name of a session: `[<prefix>-]<timestamp>`, the same for all ranks that were started
// together.
std::string session_name(const SessionOptions& options);
// The same from a file name that trace_file_name() made; empty for any other name.
std::string session_name_of(std::string_view file_name);

}  // namespace limelight::profiling
