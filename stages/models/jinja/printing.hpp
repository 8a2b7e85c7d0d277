// Values as text: Python's str() and repr(), and JSON as Python's json.dumps() writes it.
#pragma once

#include <string>
#include <string_view>

#include "stages/models/jinja/value.hpp"

namespace limelight::stages::jinja {

// As `{{ value }}` prints it. Charges the text to the budget.
std::string to_text(const Value& value, Budget& budget);
std::string to_repr(const Value& value, Budget& budget);

// Appends str(), or with `quoted` repr(). depth: of the values around it.
void print(const Value& value, std::string& out, bool quoted, int depth);
void print_quoted(std::string_view text, std::string& out);
// The shortest text that reads back as the same number, with a point or an exponent.
std::string print_number(double value);

struct JsonLayout {
  bool ascii_only = false;
  bool lines = false;  // each item on a line of its own
  std::string indent;
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
std::string to_json(const Value& value, const JsonLayout& layout, Budget& budget);

}  // namespace limelight::stages::jinja
