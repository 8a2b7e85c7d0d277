// One event of a trace, in the form in which Limelight writes events: compact, times in
// microseconds with three decimals, pids and tids whole numbers.
//
//   {"ph":"X","cat":"cpu_op","name":"matmul","pid":7,"tid":8,"ts":1.000,"dur":0.500,"args":{...}}
//
// Keys may be in any order; keys that are not listed here are kept in the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::profiling {

// Views into a text that somebody else holds.
struct EventLine {
  std::string_view text;  // {...}
  char phase = 0;
  std::string_view category, name;  // as in the text, with JSON escapes
  std::string_view id, id2;         // JSON values; empty if there is none
  std::string_view args;            // {...}; empty if there is none
  std::int64_t pid = 0, tid = 0;
  std::int64_t begin_ns = 0, duration_ns = 0;  // ns since the base; 0 if the event has none

  std::int64_t end_ns() const { return begin_ns + duration_ns; }
  // The value of a key in args: a text without quotes and with its escapes, any other as it is.
  std::optional<std::string_view> arg(std::string_view key) const;
  // The same with escapes resolved.
  std::optional<std::string> text_arg(std::string_view key) const;
  std::optional<std::uint64_t> number_arg(std::string_view key) const;
  std::string plain_name() const;  // without escapes
};

// Nothing if the text is not in this form. Whether args are well formed is not looked at.
std::optional<EventLine> read_event_line(std::string_view text);

// Appends such as -1234.567.
void add_microseconds(std::int64_t ns, std::string& to);

}  // namespace limelight::profiling
