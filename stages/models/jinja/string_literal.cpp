#include "stages/models/jinja/string_literal.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "stages/models/jinja/failure.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

[[noreturn]] void corrupt(const std::string& message) {
  throw Failure{.code = ErrorCode::corrupt, .message = message};
}

int digit_value(char c, int base) {
  const char low = static_cast<char>(c | 0x20);
  const int value = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : 99;
  return value < base ? value : -1;
}

// Reads up to `count` digits and moves behind them.
char32_t read_digits(std::string_view text, std::size_t& at, int count, int base, bool all) {
  char32_t value = 0;
  int read = 0;
  for (; read < count && at < text.size() && digit_value(text[at], base) >= 0; ++read, ++at)
    value =
        value * static_cast<char32_t>(base) + static_cast<char32_t>(digit_value(text[at], base));
  if (all && read < count)
    corrupt("found an escape in a string with " + std::to_string(read) + " digits, expected " +
            std::to_string(count));
  return value;
}

// Jinja writes what is not ASCII as an escape before it decodes escapes. So a backslash before such
// a character hides it.
void append_hidden(std::string& out, char32_t point) {
  std::array<char, 12> escape{};
  const char* format = point < 0x100 ? "x%02x" : point < 0x10000 ? "u%04x" : "U%08x";
  std::snprintf(escape.data(), escape.size(), format, static_cast<unsigned>(point));
  (out += '\\') += escape.data();
}

void append_number(std::string& out, char32_t point) {
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
    throw Failure{.code = ErrorCode::unavailable,
                  .message =
                      "found an escape in a string for half of a character, or for none, "
                      "expected one of a character"};
  append_point(out, point);
}

}  // namespace

std::string decode_string_literal(std::string_view literal) {
  static constexpr std::string_view letters = "\\'\"abfnrtv", meant = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (std::size_t at = 0; at < literal.size();) {
    if (literal[at] != '\\') {
      out += literal[at++];
      continue;
    }
    const std::size_t begin = ++at;
    const char32_t escaped = next_point(literal, at);
    const char c = escaped < 0x80 ? static_cast<char>(escaped) : '\0';
    if (escaped >= 0x80) append_hidden(out, escaped);
    else if (c == '\n') continue;
    else if (const std::size_t known = letters.find(c); known != std::string_view::npos)
      out += meant[known];
    else if (c == 'x') append_number(out, read_digits(literal, at, 2, 16, true));
    else if (c == 'u') append_number(out, read_digits(literal, at, 4, 16, true));
    else if (c == 'U') append_number(out, read_digits(literal, at, 8, 16, true));
    else if (c == 'N') refuse("found a string with the escape \\N, which names a character");
    else if (c >= '0' && c <= '7')
      append_number(out, read_digits(literal, at = begin, 3, 8, false));
    else (out += '\\') += c;
  }
  return out;
}

}  // namespace limelight::stages::jinja
