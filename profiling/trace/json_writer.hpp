// Appends JSON (objects, arrays, keys and values) to a string that the caller owns.
//
// The writer inserts commas and colons and escapes strings, so the result is valid JSON for all
// values. The caller must put each value after a key or into an array, and must close what it
// opens. One thread uses a writer.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::profiling {

// A JSON string with its quotes. Bytes that are not valid UTF-8 become U+FFFD.
std::string json_string(std::string_view raw);

class JsonWriter {
 public:
  // spaced: `"key": value, ...`, for the head of a trace, as its readers need it. compact:
  // `"key":value,...`, for its events.
  enum class Style { spaced, compact };

  // inside: the brackets that are open in `out` already, such as "{[" for the events of a trace;
  // none of them may be empty. `out` must outlive the writer.
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
  JsonWriter& value(double number);  // three decimals; NaN and infinities become null
  template <class T>
  JsonWriter& value(const std::optional<T>& perhaps) {
    return perhaps ? value(*perhaps) : null();
  }
  JsonWriter& null() { return raw("null"); }
  // Writes nanoseconds as microseconds with three decimals, as in the times of events.
  JsonWriter& microseconds(std::int64_t ns);
  // Writes a value that is JSON already.
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

  // The next value, or the closing bracket, starts a new line.
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
  // Writes what is needed before a key, or before a value in an array.
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
  std::string open_;            // the open brackets, outermost first
  bool follows_ = false;        // the innermost bracket is not empty
  bool after_key_ = false;
  bool line_ = false;
};

}  // namespace limelight::profiling
