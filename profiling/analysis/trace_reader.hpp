// Reads a trace of any program, event by event: all tools read all traces with it.
//
// Each event comes in the form of trace_event.hpp, whatever its form in the file. Nothing is passed
// over in silence: what could not be used is counted in odd(), and odd().text() says it.
//
//   in the file                      comes as
//   X                                itself; without dur it has a duration of 0
//   B, E                             one X for each pair, after all others: they are paired in the
//                                    order of time, an E with the last open B of its thread, and
//                                    of its name if it has one, as Perfetto does
//   B without E                      itself, behind these
//   b, e, n, S, T, F, s, t, f, C,    themselves
//   i, M and others
//   ts or dur that is a text         a number
//   pid or tid that is a text, a     a number of its own, from 2^40; thread_name() has the text
//   fraction or too large
//   no name, or null                 the name "(no name)"
//   invalid UTF-8, NaN               U+FFFD, null
//   Perfetto's own format            what the same trace has in JSON: see perfetto_trace.hpp
//
// Memory: the longest event, and the events that began and have not ended; of Perfetto's format
// more, see there. One thread uses an object.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiling/analysis/any_event.hpp"
#include "profiling/analysis/event_splitter.hpp"
#include "profiling/analysis/perfetto_events.hpp"
#include "profiling/analysis/trace_event.hpp"
#include "profiling/analysis/trace_origin.hpp"

namespace limelight::profiling {

// What is unusual in a file. The first groups are events that are left out, the others such that
// were mended.
struct OddEvents {
  std::uint64_t damaged = 0;     // no objects, or no JSON
  std::uint64_t no_phase = 0;    // no key ph with one letter
  std::uint64_t no_time = 0;     // ts or dur missing where it matters, or no number that fits
  std::uint64_t backwards = 0;   // a negative duration, or an end before its begin
  std::uint64_t unfinished = 0;  // begins without ends, and ends without begins
  std::uint64_t without_duration = 0, unnamed = 0, repaired = 0;
  bool ends_early = false;  // the file ends within its events
  bool has_more = false;    // text behind the end of its JSON
  std::string damage{};     // of the compressed data
  bool packets_damaged = false;
  std::string packets{};  // of Perfetto's format: what was left out, and where it ends early

  std::uint64_t left_out() const { return damaged + no_phase + no_time + backwards; }
  // Such as "left out 2 events: 1 has no phase, 1 has ..."; empty if nothing was odd.
  std::string text() const;
};

class TraceReader {
 public:
  // Errors: not_found, corrupt (what the file is in place of a trace).
  static Result<TraceReader> open(const std::filesystem::path& file);

  // The next event, valid until the next call; nothing at the end. Errors: corrupt, with file and
  // line.
  Result<std::optional<EventLine>> next();

  const TraceOrigin& origin() const noexcept { return origin_; }
  const OddEvents& odd() const noexcept { return odd_; }
  const std::filesystem::path& path() const noexcept;
  // Of the event, from 1; of Perfetto's format its number.
  std::size_t line() const noexcept;
  // Top-level keys; those behind the events after next() has returned nothing.
  const TraceKeys& keys() const noexcept;
  // Nothing, or what makes it cheap to open the file again while somebody has it.
  std::shared_ptr<const void> kept() const;
  bool is_perfetto() const noexcept { return packets_.has_value(); }
  // What a pid or tid was in the file where it was no whole number; empty for the others.
  std::string text_of(std::int64_t id) const { return any_.text_of(id); }

 private:
  explicit TraceReader(EventSplitter events);
  explicit TraceReader(PerfettoEvents packets);
  using Thread = std::pair<std::int64_t, std::int64_t>;

  // Makes the line of an event; nothing if it is left out or has not ended yet.
  std::optional<EventLine> convert(const AnyEvent& event);
  std::optional<EventLine> end(const AnyEvent& event);
  Result<std::optional<EventLine>> next_pair();
  std::optional<EventLine> unfinished();
  EventLine write(char phase, const AnyEvent& event, std::int64_t duration_ns);

  Result<std::optional<EventLine>> next_of_packets();

  std::optional<EventSplitter> events_;  // one of the two
  std::optional<PerfettoEvents> packets_;
  TraceOrigin origin_;
  AnyEventReader any_;
  OddEvents odd_;
  std::unique_ptr<SortedTexts> pairs_;  // begins and ends, by their times
  std::optional<SortedTexts::Cursor> pair_;
  std::map<Thread, std::vector<AnyEvent>> begun_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace limelight::profiling
