// Makes events in the form of trace_event.hpp of a PerfettoTrace, in the order of time, slices at
// their ends: those that the same trace has in JSON. One thread uses an object.
//
// Memory: the slices that have begun and not ended.
#pragma once

#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "profiling/analysis/perfetto_trace.hpp"

namespace limelight::profiling {

class PerfettoEvents {
 public:
  PerfettoEvents(std::filesystem::path file, std::shared_ptr<const PerfettoTrace> trace);

  // The next event, {...}, valid until the next call; nothing at the end. Errors: io.
  Result<std::optional<std::string_view>> next();

  std::size_t number() const noexcept { return number_; }  // of the event, from 1
  // Begins without ends (each comes as an event B, after all others), and ends without begins.
  std::uint64_t unfinished() const noexcept { return unfinished_; }
  const PerfettoTrace& trace() const noexcept { return *trace_; }
  const std::shared_ptr<const PerfettoTrace>& shared() const noexcept { return trace_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  using Event = PerfettoTrace::Event;
  struct Open {
    std::int64_t ns = 0;
    std::string head, args;
    bool as_slice = false;
  };
  // Writes the event; false if there is none yet.
  bool write(const Event& event, std::int64_t ns);
  bool end(const Event& event, std::int64_t ns);
  bool left_open();
  void begin_text(const char* phase, std::string_view head, PerfettoTracks::Track track);
  void end_text(std::string_view args);
  bool is_slice(PerfettoTracks::Track track, std::string_view head) const;

  std::filesystem::path path_;
  std::shared_ptr<const PerfettoTrace> trace_;
  SortedTexts::Cursor cursor_;
  std::unordered_map<PerfettoTracks::Track, std::vector<Open>> open_;
  std::size_t described_ = 0, number_ = 0;
  std::uint64_t unfinished_ = 0;
  std::string text_;
  bool ended_ = false;
};

}  // namespace limelight::profiling
