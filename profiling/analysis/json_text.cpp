#include "profiling/analysis/json_text.hpp"

#include <array>
#include <cstdint>

namespace limelight::profiling {

namespace {

constexpr std::size_t most_depth = 512;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class JsonCheck {
 public:
  explicit JsonCheck(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool run() {
    std::array<char, most_depth> open{};  // the brackets that are open
    std::size_t depth = 0;
    for (;;) {
      // A value begins.
      blanks();
      if (at_ == end_) return false;
      const char c = *at_;
      if (c == '{' || c == '[') {
        if (depth == most_depth) return false;
        ++at_;
        blanks();
        if (at_ != end_ && *at_ == (c == '{' ? '}' : ']')) {
          ++at_;
        } else {
          open[depth++] = c;
          if (c == '{' && !key()) return false;
          continue;
        }
      } else if (!(c == '"' ? string() : c == '-' || is_digit(c) ? number() : word())) {
        return false;
      }
      // A value has ended.
      for (;;) {
        blanks();
        if (depth == 0) return at_ == end_;
        if (at_ == end_) return false;
        const char next = *at_++;
        const bool object = open[depth - 1] == '{';
        if (next == ',') {
          if (object && !key()) return false;
          break;
        }
        if (next != (object ? '}' : ']')) return false;
        --depth;
      }
    }
  }

 private:
  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool digits() {
    const char* from = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != from;
  }
  bool key() {
    blanks();
    if (at_ == end_ || *at_ != '"' || !string()) return false;
    blanks();
    return take(':');
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool word() {
    for (const std::string_view known : {"true", "false", "null"})
      if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(known)) {
        at_ += known.size();
        return true;
      }
    return false;
  }
  // The four digits after \\u; more than 0xffff if there are none.
  std::uint32_t unit() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == end_) return 0x10000;
      const char c = *at_;
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return 0x10000;
      value = value << 4 | static_cast<std::uint32_t>(digit);
    }
    return value;
  }
  bool escape() {
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    const std::uint32_t first = unit();
    if (first > 0xffff || (first >= 0xdc00 && first < 0xe000)) return false;
    if (first < 0xd800 || first >= 0xe000) return true;
    if (!take('\\') || !take('u')) return false;
    const std::uint32_t second = unit();
    return second >= 0xdc00 && second < 0xe000;
  }
  bool string() {
    for (++at_; at_ != end_;) {
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') return take('"');
      if (c < 0x20) return false;
      if (c == '\\') {
        ++at_;
        if (!escape()) return false;
      } else if (c < 0x80) {
        ++at_;
      } else {
        const std::size_t length =
            utf8_sequence(std::string_view(at_, static_cast<std::size_t>(end_ - at_)));
        if (length == 0) return false;
        at_ += length;
      }
    }
    return false;
  }

  const char *at_, *end_;
};

}  // namespace

std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const std::size_t length = byte(0) < 0x80            ? 1
                             : byte(0) >> 5 == 0b110   ? 2
                             : byte(0) >> 4 == 0b1110  ? 3
                             : byte(0) >> 3 == 0b11110 ? 4
                                                       : 0;
  if (length == 0 || length > text.size()) return 0;
  std::uint32_t point = length == 1 ? byte(0) : byte(0) & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 0b10) return 0;
    point = point << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  return point < least[length] || point > 0x10ffff || surrogate ? 0 : length;
}

bool is_json(std::string_view text) { return JsonCheck(text).run(); }

}  // namespace limelight::profiling
