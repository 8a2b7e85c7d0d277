#include "stages/models/jinja/printing.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "stages/models/jinja/object.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

void check_size(const std::string& out, int depth) {
  if (out.size() > max_weight || depth > 2 * max_value_depth)
    throw Failure{.code = ErrorCode::too_large,
                  .message = "found a value that prints as more than " +
                             std::to_string(max_weight) + " bytes, or that contains itself"};
}

void print_items(const Value& value, std::string& out, int depth) {
  const bool list = value.is(Kind::list);
  out += list ? '[' : '(';
  bool first = true;
  for (const Value& item : value.items()) {
    if (!std::exchange(first, false)) out += ", ";
    print(item, out, true, depth + 1);
  }
  if (!list && value.items().size() == 1) out += ',';
  out += list ? ']' : ')';
}

void print_dict(const Dict& dict, std::string& out, int depth) {
  out += '{';
  bool first = true;
  for (const auto& [key, item] : dict.entries()) {
    if (!std::exchange(first, false)) out += ", ";
    print(key, out, true, depth + 1);
    out += ": ";
    print(item, out, true, depth + 1);
  }
  out += '}';
}

void append_hex(std::string& out, const char* format, char32_t point) {
  std::array<char, 16> digits{};
  std::snprintf(digits.data(), digits.size(), format, static_cast<unsigned>(point));
  out += digits.data();
}

}  // namespace

std::string print_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // d.ddde[+-]xx, from which Python's layout follows: an exponent below -4 or from 16 on.
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  const std::string_view shortest(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  const std::size_t e = shortest.find('e');
  int exponent = 0;
  const std::size_t digits_of_exponent = e + (shortest[e + 1] == '+' ? 2 : 1);
  std::from_chars(shortest.data() + digits_of_exponent, end.ptr, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  const bool negative = shortest.front() == '-';
  std::string digits;
  for (const char c : shortest.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  if (exponent < 0) digits.insert(0, static_cast<std::size_t>(-exponent), '0');
  const auto whole = static_cast<std::size_t>(exponent < 0 ? 1 : exponent + 1);
  if (digits.size() < whole + 1) digits.append(whole + 1 - digits.size(), '0');
  digits.insert(whole, 1, '.');
  return (negative ? "-" : "") + digits;
}

void print_quoted(std::string_view text, std::string& out) {
  const bool single =
      text.find('\'') == std::string_view::npos || text.find('"') != std::string_view::npos;
  const char quote = single ? '\'' : '"';
  out += quote;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    if (point == '\n') out += "\\n";
    else if (point == '\r') out += "\\r";
    else if (point == '\t') out += "\\t";
    else if (point == '\\' || point == static_cast<unsigned char>(quote))
      (out += '\\') += static_cast<char>(point);
    else if (is_printable(point)) out += text.substr(begin, at - begin);
    else
      append_hex(out, point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x", point);
  }
  out += quote;
}

void print(const Value& value, std::string& out, bool quoted, int depth) {
  check_size(out, depth);
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined: out += quoted ? "Undefined" : ""; break;
    case Kind::none: out += "None"; break;
    case Kind::boolean: out += value.boolean() ? "True" : "False"; break;
    case Kind::integer: out += std::to_string(value.integer()); break;
    case Kind::number: out += print_number(value.number()); break;
    case Kind::string:
      if (quoted && value.text().markup) out += "Markup(";
      if (quoted) print_quoted(value.bytes(), out);
      else out += value.bytes();
      if (quoted && value.text().markup) out += ')';
      break;
    case Kind::list:
    case Kind::tuple: print_items(value, out, depth); break;
    case Kind::dict: print_dict(value.dict(), out, depth); break;
    case Kind::object: value.object()->print(out, depth); break;
  }
}

std::string to_text(const Value& value, Budget& budget) {
  std::string out;
  print(value, out, false, 0);
  budget.text(out.size());
  return out;
}

std::string to_repr(const Value& value, Budget& budget) {
  std::string out;
  print(value, out, true, 0);
  budget.text(out.size());
  return out;
}

}  // namespace limelight::stages::jinja
