// Writes JSON: objects, arrays, keys and values, at the end of a string that the caller owns.
//
// Commas and colons come by themselves, and strings are escaped, so that what is written is JSON
// whatever the values are. A value may only follow a key or stand in an array; whoever opens an
// object or an array closes it. Not thread-safe: one thread writes.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::profiling {

// A JSON string, quotes included. Bytes that are no valid UTF-8 become U+FFFD.
std::string json_string(std::string_view raw);

class JsonWriter {
 public:
  // spaced: `"key": value, ...`, as the head of a trace needs it; compact: `"key":value,...`, as
  // its events have it.
  enum class Style { spaced, compact };

  // inside: the brackets that are open already in what `out` holds, such as "{[" for the events of
  // a trace. Each of them has something in it. `out` outlives the writer.
  explicit JsonWriter(std::string& out, Style style = Style::spaced, std::string_view inside = {})
      : out_(out), separator_(style == Style::spaced ? " " : ""), open_(inside) {
    follows_ = !inside.empty();
  }

  JsonWriter& begin_object() { return begin('{'); }
  JsonWriter& end_object() { return end('}'); }
  JsonWriter& begin_array() { return begin('['); }
  JsonWriter& end_array() { return end(']'); }

  JsonWriter& key(std::string_view name) {
    separate();
    ((out_ += json_string(name)) += ':') += separator_;
    after_key_ = true;
    return *this;
  }

  JsonWriter& value(std::string_view text) { return raw(json_string(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(std::same_as<bool> auto yes) { return raw(yes ? "true" : "false"); }
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) JsonWriter& value(Number number) {
    return raw(std::to_string(number));
  }
  JsonWriter& value(double number);  // with three decimals; what is no number becomes null
  template <class T>
  JsonWriter& value(const std::optional<T>& perhaps) {
    return perhaps ? value(*perhaps) : null();
  }
  JsonWriter& null() { return raw("null"); }
  // Nanoseconds as microseconds with three decimals, as the times of events are written.
  JsonWriter& microseconds(std::int64_t ns);
  // A value that is JSON already.
  JsonWriter& raw(std::string_view json) {
    separate();
    out_ += json;
    follows_ = true;
    return *this;
  }

  template <class T>
  JsonWriter& member(std::string_view name, const T& v) {
    return key(name).value(v);
  }

  // What comes next, or the closing bracket, begins a line.
  JsonWriter& line() {
    line_ = true;
    return *this;
  }

 private:
  JsonWriter& begin(char bracket) {
    separate();
    out_ += bracket;
    open_ += bracket;
    follows_ = false;
    return *this;
  }
  JsonWriter& end(char bracket) {
    break_line();
    out_ += bracket;
    open_.pop_back();
    follows_ = true;
    return *this;
  }
  // Before a key, or a value that has none.
  void separate() {
    if (after_key_) {
      after_key_ = false;
      return;
    }
    if (follows_) {
      out_ += ',';
      if (!line_) out_ += separator_;
    }
    break_line();
  }
  void break_line() {
    if (line_) out_ += '\n';
    line_ = false;
  }

  std::string& out_;
  std::string_view separator_;  // after a comma or a colon
  std::string open_;            // the brackets that are not closed yet, outermost first
  bool follows_ = false;        // something stands before in the innermost of them
  bool after_key_ = false;
  bool line_ = false;
};

}  // namespace limelight::profiling
