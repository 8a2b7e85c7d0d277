// A trace in Perfetto's own format, as it was read: its events sorted by time, its tracks, and what
// could not be used. perfetto_events.hpp makes events of it that all tools take.
//
//   understood                             not understood: counted, and said
//   TrackEvent: slices, instants,          all other packets with data, such as ftrace's
//   counters, flows, older forms
//   InternedData, TrackDescriptor,
//   ProcessDescriptor, ThreadDescriptor,
//   ProcessTree, TracePacketDefaults,
//   ClockSnapshot, PerfSample
//
// Memory: names, tracks and writers; events go through a temporary file if they are many. Objects
// are never changed after they were read, so any thread may use them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "profiling/analysis/compressed_reader.hpp"
#include "profiling/analysis/perfetto_tracks.hpp"
#include "profiling/analysis/sorted_texts.hpp"
#include "profiling/analysis/trace_origin.hpp"

namespace limelight::profiling {

class PerfettoTrace {
 public:
  // Reads the file to its end; input: stands at its beginning. Somebody else's object of the same
  // file is used again. Errors: corrupt (not one packet of it is whole), io, too_large (names).
  static Result<std::shared_ptr<const PerfettoTrace>> read(const std::filesystem::path& file,
                                                           CompressedReader input);

  // What a trace in JSON has beside its events; "perfetto" if it is none of ours.
  const TraceKeys& keys() const noexcept { return keys_; }
  bool own() const noexcept { return own_; }
  const PerfettoTracks& tracks() const noexcept { return tracks_; }
  const SortedTexts& events() const noexcept { return events_; }
  // What to take from their times, so that they count from where the keys say.
  std::int64_t base_ns() const noexcept { return base_ns_; }
  // What was left out, and where the file ends early: sentences; empty if nothing was.
  const std::string& losses() const noexcept { return losses_; }
  bool ends_early() const noexcept { return ends_early_; }
  bool damaged() const noexcept { return damaged_; }  // or ends early: Perfetto loses that, too

  // A text of events(). What a kind has:
  //   B  head: name and category, members of an object; args: members of one
  //   E  args
  //   X  as B, and number: its duration in ns
  //   I  as B: an instant
  //   C  head: the value
  //   P  head: the name of a function
  //   L  head: all members but pid, tid and times; args
  struct Event {
    char kind = 0;
    PerfettoTracks::Track track = 0;
    std::int64_t number = 0;
    std::string_view head{}, args{};

    void write_to(std::string& text) const;
    static Event read_from(std::string_view text);
  };

 private:
  friend class PerfettoIntake;
  PerfettoTracks tracks_;
  SortedTexts events_;
  TraceKeys keys_;
  bool own_ = false, ends_early_ = false, damaged_ = false;
  std::int64_t base_ns_ = 0;
  std::string losses_;
};

}  // namespace limelight::profiling
