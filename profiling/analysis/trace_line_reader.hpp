// Reads a trace that Limelight wrote, one event at a time. Such a trace has one event in each line,
// so the memory that is needed does not grow with the file.
//
// Traces of other programs, whose events span lines, are refused with the line that shows it;
// chrome_trace_reader.hpp reads any trace. One thread uses an object.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::profiling {

// Views into the reader's line, valid until the next one is read.
struct EventLine {
  std::string_view text;  // {...}, without a comma after it
  char phase = 0;
  std::string_view category, name;  // as in the file, with JSON escapes
  std::int64_t pid = 0, tid = 0;
  std::int64_t begin_ns = 0, duration_ns = 0;  // ns since the base; 0 if the event has none

  std::int64_t end_ns() const { return begin_ns + duration_ns; }
  // The value of a key in the event's args, without quotes. Empty if there is no such key. Only for
  // numbers and strings without escapes.
  std::optional<std::string_view> arg(std::string_view key) const;
  std::optional<std::uint64_t> number_arg(std::string_view key) const;
};

class TraceLineReader {
 public:
  // Errors: not_found, corrupt (not a trace of Limelight).
  static Result<TraceLineReader> open(const std::filesystem::path& path);
  TraceLineReader(TraceLineReader&&) noexcept;
  ~TraceLineReader();

  // Returns the next event, or nothing at the end. Errors: corrupt, with file and line.
  Result<std::optional<EventLine>> next();

  int rank() const noexcept;
  std::int64_t base_ns() const noexcept;
  const std::filesystem::path& path() const noexcept;
  // The values of the keys "backend" and "pg_config" in distributedInfo, as they are in the file.
  const std::string& backend() const noexcept;
  const std::string& groups_json() const noexcept;
  // The value of the key "limelight", as it is in the file. Empty before next() has returned
  // nothing.
  const std::string& own_json() const noexcept;

 private:
  struct State;
  explicit TraceLineReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::profiling
