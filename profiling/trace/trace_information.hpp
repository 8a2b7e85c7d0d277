// What a trace says of itself under its key `limelight`: what it lost, what it cost, and which
// session it is of.
//
// trace_keys() is the one table of those keys. The writer, the recoverer and the merger write what
// it lists, in its order, and the validator demands it, so that none of them can know a key that
// the others do not. All functions may be called from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "profiling/trace/session_options.hpp"

namespace limelight::profiling {

// A value that is not there is written as null (see TraceKey::Presence).
//
//               | a session's own file | a recovered file      | a merged file
//   session     | known                | from the file's name  | if all inputs have the same
//   events      | known                | counted               | counted
//   drops, ...  | known                | null: died with it    | the sum, if all inputs know it
//   clock, gpu  | known                | null: died with it    | null: differs by rank, see `ranks`
struct TraceInformation {
  std::optional<std::string> session;
  std::optional<std::uint64_t> events, drops, ring_drops, device_drops, zero_time_records,
      unknown_records, unmatched_correlations, session_ns, profiler_cpu_ns;
  std::optional<std::int64_t> clock_error_ns, begin_skew_ns;
  std::optional<double> span_ns, overhead_percent;
  std::optional<std::string> gpu, note;
  std::optional<bool> recovered, merged;
  std::optional<std::uint64_t> unmatched_chunks;
  // Of a merged file: JSON, an object with what each input said of itself, by rank.
  std::optional<std::string> ranks_json;
};

struct TraceKey {
  // always: null where it is not known. if_known: absent then.
  enum class Presence { always, if_known };
  // What a merged file says: nothing, or the sum over its inputs.
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

// One input's `limelight` object, as JSON, added to what a merged file says: sums, and the session
// as long as all have the same. first: nothing was added before.
void add_for_merge(TraceInformation& merged, std::string_view own_json, bool first);

// From behind the last event to the end of the file.
std::string trace_end(const TraceInformation& information, std::string_view trace_name);

// What tells a session's files from those of another: `[<prefix>-]<timestamp>`, the same for all
// ranks that were started together.
std::string session_name(const SessionOptions& options);
// The same out of a name that trace_file_name() made; empty: of another name.
std::string session_name_of(std::string_view file_name);

}  // namespace limelight::profiling
