// Reads a trace of ours event by event, in memory that does not grow with the file: one event is
// one line.
//
// Traces of other writers, whose events span lines, are refused with the line that shows it;
// trace_reader.hpp reads any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::profiling {

// Views into the reader's line: valid until the next one is read.
struct EventLine {
  std::string_view text;  // {...}, without the comma before it
  char phase = 0;
  std::string_view category, name;  // as in JSON: escapes stay
  std::int64_t pid = 0, tid = 0;
  std::int64_t begin_ns = 0, duration_ns = 0;  // from the base; 0 where the event has none

  std::int64_t end_ns() const { return begin_ns + duration_ns; }
  // The value of a key of the event's args, quotes taken off; nothing if it has none. Numbers and
  // plain strings only.
  std::optional<std::string_view> arg(std::string_view key) const;
  std::optional<std::uint64_t> number_arg(std::string_view key) const;
};

class TraceLines {
 public:
  // Errors: not_found, corrupt (no trace of ours).
  static Result<TraceLines> open(const std::filesystem::path& path);
  TraceLines(TraceLines&&) noexcept;
  ~TraceLines();

  // The next event; nothing at the end. Errors: corrupt, with file and line.
  Result<std::optional<EventLine>> next();

  int rank() const noexcept;
  std::int64_t base_ns() const noexcept;
  const std::filesystem::path& path() const noexcept;
  // The keys "backend" and "pg_config" of its distributedInfo, as they stand.
  const std::string& backend() const noexcept;
  const std::string& groups_json() const noexcept;
  // The key "limelight" of the trace, as it stands; known after the last event.
  const std::string& own_json() const noexcept;

 private:
  struct State;
  explicit TraceLines(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::profiling
