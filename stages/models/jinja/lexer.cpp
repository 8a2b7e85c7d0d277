#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "stages/models/jinja/string_literal.hpp"
#include "stages/models/jinja/token.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool is_zero(char c) { return c == '0'; }
bool is_binary_digit(char c) { return c == '0' || c == '1'; }
bool is_octal_digit(char c) { return c >= '0' && c <= '7'; }
bool is_hex_digit(char c) {
  const char low = static_cast<char>(c | 0x20);
  return is_ascii_digit(c) || (low >= 'a' && low <= 'f');
}

// Line breaks become \n, and one at the end of the template is dropped.
std::string normalized(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') out += text[i];
    else if (i + 1 == text.size() || text[i + 1] != '\n') out += '\n';
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : source_(normalized(text)), text_(source_) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) {
      const std::size_t tag = next_tag();
      read_data(tag);
      if (at_ == text_.size()) break;
      if (std::size_t end = raw_begin_end(at_); end != 0) read_raw(end);
      else if (text_[at_ + 1] == '#') skip_comment();
      else read_tag(text_[at_ + 1] == '{');
    }
    add(TokenType::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void corrupt(const std::string& message) const {
    throw Failure{.code = ErrorCode::corrupt, .message = message, .line = line_};
  }
  bool at(std::size_t place, std::string_view wanted) const {
    return text_.substr(std::min(place, text_.size())).starts_with(wanted);
  }
  std::size_t skip_space(std::size_t place) const {
    while (place < text_.size()) {
      std::size_t after = place;
      if (!is_space(next_point(text_, after))) break;
      place = after;
    }
    return place;
  }
  void add(TokenType type, std::string text, Value value = {}) {
    tokens_.push_back(
        {.type = type, .line = line_, .text = std::move(text), .value = std::move(value)});
  }
  // Moves behind what was read, and counts its lines.
  void advance(std::size_t place) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(place), '\n'));
    if (place > at_) line_starts_ = text_[place - 1] == '\n';
    at_ = place;
  }

  std::size_t next_tag() const {
    for (std::size_t place = at_;; ++place) {
      place = text_.find('{', place);
      if (place == std::string_view::npos || place + 1 >= text_.size()) return text_.size();
      if (const char c = text_[place + 1]; c == '%' || c == '{' || c == '#') return place;
    }
  }

  // Reads the text before a tag, up to which the whitespace goes as the tag asks.
  void read_data(std::size_t tag) {
    std::string_view data = text_.substr(at_, tag - at_);
    if (tag < text_.size()) data = stripped_before(data, tag, text_[tag + 1] == '{');
    if (!data.empty()) add(TokenType::data, std::string(data));
    advance(tag);
  }
  std::string_view stripped_before(std::string_view data, std::size_t tag, bool expression) const {
    const char sign = tag + 2 < text_.size() ? text_[tag + 2] : ' ';
    if (sign == '-') return strip(data, Side::right);
    if (sign == '+' || expression) return data;
    const std::size_t last_break = data.rfind('\n');
    if (last_break == std::string_view::npos && !line_starts_) return data;
    const std::size_t line = last_break == std::string_view::npos ? 0 : last_break + 1;
    return strip(data.substr(line), Side::left).empty() ? data.substr(0, line) : data;
  }

  // The end of a tag that closes with this delimiter at `place`, with the whitespace that it takes;
  // 0: no such tag ends here. trims: it takes a line break.
  std::size_t tag_end(std::size_t place, std::string_view delimiter, bool trims) const {
    if (at(place, "-") && at(place + 1, delimiter)) return skip_space(place + 1 + delimiter.size());
    if (trims && at(place, "+") && at(place + 1, delimiter)) return place + 1 + delimiter.size();
    if (!at(place, delimiter)) return 0;
    place += delimiter.size();
    return trims && at(place, "\n") ? place + 1 : place;
  }

  // {% raw %}; 0: there is none.
  std::size_t raw_begin_end(std::size_t place) const {
    if (!at(place, "{%")) return 0;
    place += 2;
    if (at(place, "-") || at(place, "+")) ++place;
    place = skip_space(place);
    if (!at(place, "raw")) return 0;
    place = skip_space(place + 3);
    if (at(place, "-%}")) return skip_space(place + 3);
    return at(place, "%}") ? place + 2 : 0;
  }
  void read_raw(std::size_t begin) {
    advance(begin);
    for (std::size_t place = begin;; ++place) {
      place = text_.find("{%", place);
      if (place == std::string_view::npos)
        corrupt("found a raw block without an end, expected {% endraw %}");
      std::size_t end = place + 2;
      if (at(end, "-") || at(end, "+")) ++end;
      end = skip_space(end);
      if (!at(end, "endraw")) continue;
      end = tag_end(skip_space(end + 6), "%}", true);
      if (end == 0) continue;
      const std::string_view data =
          stripped_before(text_.substr(begin, place - begin), place, false);
      if (!data.empty()) add(TokenType::data, std::string(data));
      return advance(end);
    }
  }

  void skip_comment() {
    // A minus that opens the comment may also close it: {#-#}.
    std::size_t begin = at_ + 2;
    if (at(begin, "-") || at(begin, "+")) ++begin;
    std::size_t place = text_.find("#}", begin);
    if (place == std::string_view::npos) corrupt("found a comment without an end, expected #}");
    const bool signed_end = place > begin && (text_[place - 1] == '-' || text_[place - 1] == '+');
    advance(tag_end(signed_end ? place - 1 : place, "#}", true));
  }

  void read_tag(bool expression) {
    const int line = line_;
    add(expression ? TokenType::expression_begin : TokenType::block_begin,
        expression ? "{{" : "{%");
    std::size_t begin = at_ + 2;
    if (at(begin, "-") || at(begin, "+")) ++begin;
    advance(begin);
    std::string open;  // the brackets that have not been closed
    while (true) {
      if (at_ >= text_.size()) {
        line_ = line;
        corrupt(expression ? "found a tag without an end, expected }}"
                           : "found a tag without an end, expected %}");
      }
      if (open.empty())
        if (const std::size_t end = tag_end(at_, expression ? "}}" : "%}", !expression); end != 0) {
          add(expression ? TokenType::expression_end : TokenType::block_end,
              expression ? "}}" : "%}");
          return advance(end);
        }
      if (const std::size_t after = skip_space(at_); after != at_) advance(after);
      else read_token(open);
    }
  }

  void read_token(std::string& open) {
    const char c = text_[at_];
    if (is_ascii_digit(c)) return read_number();
    if (c == '\'' || c == '"') return read_string(c);
    if (const std::size_t end = name_end(at_); end != at_) {
      add(TokenType::name, std::string(text_.substr(at_, end - at_)));
      return advance(end);
    }
    static constexpr std::array<std::string_view, 26> operators{
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    const auto* found = std::find_if(operators.begin(), operators.end(),
                                     [this](std::string_view op) { return at(at_, op); });
    if (found == operators.end()) {
      std::size_t after = at_;
      next_point(text_, after);
      corrupt("found '" + std::string(text_.substr(at_, after - at_)) +
              "' in a tag, expected a name, a literal or an operator");
    }
    balance(*found, open);
    add(TokenType::operator_, std::string(*found));
    advance(at_ + found->size());
  }

  void balance(std::string_view op, std::string& open) const {
    if (op == "(") open += ')';
    else if (op == "[") open += ']';
    else if (op == "{") open += '}';
    else if (op == ")" || op == "]" || op == "}") {
      if (open.empty()) corrupt("found '" + std::string(op) + "' without its opening bracket");
      if (open.back() != op.front())
        corrupt("found '" + std::string(op) + "', expected '" + open.back() + "'");
      open.pop_back();
    }
  }

  std::size_t name_end(std::size_t place) const {
    while (place < text_.size()) {
      std::size_t after = place;
      const char32_t point = next_point(text_, after);
      if (!is_letter(point) && point != '_' && !is_digit(point)) break;
      place = after;
    }
    return place;
  }

  void read_string(char quote) {
    std::size_t place = at_ + 1;
    while (place < text_.size() && text_[place] != quote) place += text_[place] == '\\' ? 2 : 1;
    if (place >= text_.size()) corrupt("found a string without an end, expected another quote");
    const std::string_view literal = text_.substr(at_ + 1, place - at_ - 1);
    std::string decoded;
    try {
      decoded = decode_string_literal(literal);
    } catch (Failure& failure) {
      failure.line = line_;
      throw;
    }
    add(TokenType::string, std::string(text_.substr(at_, place + 1 - at_)),
        Value::of(std::move(decoded)));
    advance(place + 1);
  }

  // Digits with single underscores between them; returns `place` if there are none.
  std::size_t digits_end(std::size_t place, bool (*digit)(char)) const {
    while (place < text_.size()) {
      const bool underscore = text_[place] == '_' && place > at_ && digit(text_[place - 1]) &&
                              place + 1 < text_.size() && digit(text_[place + 1]);
      if (!digit(text_[place]) && !underscore) break;
      ++place;
    }
    return place;
  }

  void read_number() {
    const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';
    if (const std::size_t end = after_dot ? 0 : floating_end(); end != 0) return add_number(end);
    const char kind = at_ + 1 < text_.size() ? static_cast<char>(text_[at_ + 1] | 0x20) : ' ';
    const int base = text_[at_] != '0' ? 10
                     : kind == 'x'     ? 16
                     : kind == 'o'     ? 8
                     : kind == 'b'     ? 2
                                       : 0;
    std::size_t begin = at_, end = at_;
    if (base == 2 || base == 8 || base == 16) {
      begin = at_ + 2;
      if (at(begin, "_")) ++begin;
      end = digits_end(begin, base == 2   ? is_binary_digit
                              : base == 8 ? is_octal_digit
                                          : is_hex_digit);
    }
    if (base == 10) end = digits_end(at_, is_ascii_digit);
    else if (end == begin) {  // zeros only
      begin = at_;
      end = digits_end(at_, is_zero);
    }
    add_integer(begin, end, begin == at_ ? 10 : base);
  }
  // 0: it is no floating-point number.
  std::size_t floating_end() const {
    std::size_t end = digits_end(at_, is_ascii_digit);
    bool floating = false;
    if (at(end, ".") && end + 1 < text_.size() && is_ascii_digit(text_[end + 1])) {
      end = digits_end(end + 1, is_ascii_digit);
      floating = true;
    }
    if (at(end, "e") || at(end, "E")) {
      std::size_t exponent = end + 1;
      if (at(exponent, "+") || at(exponent, "-")) ++exponent;
      if (const std::size_t after = digits_end(exponent, is_ascii_digit); after != exponent)
        return after;
    }
    return floating ? end : 0;
  }
  std::string without_underscores(std::size_t begin, std::size_t end) const {
    std::string digits(text_.substr(begin, end - begin));
    std::erase(digits, '_');
    return digits;
  }
  void add_number(std::size_t end) {
    const std::string digits = without_underscores(at_, end);
    // Beyond the range of a double this is infinity or zero, as in Python.
    add(TokenType::number, digits, Value::of(std::strtod(digits.c_str(), nullptr)));
    advance(end);
  }
  void add_integer(std::size_t begin, std::size_t end, int base) {
    const std::string digits = without_underscores(begin, end);
    std::int64_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (read.ec != std::errc{})
      throw Failure{.code = ErrorCode::unavailable,
                    .message = "found the number " + digits + ", expected one of 64 bits",
                    .line = line_};
    add(TokenType::number, digits, Value::of(value));
    advance(end);
  }

  std::string source_;
  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;  // what was read last ended with a line break
  std::vector<Token> tokens_;
};

}  // namespace

std::string describe(const Token& token) {
  switch (token.type) {
    case TokenType::data: return "text";
    case TokenType::end: return "the end of the template";
    case TokenType::string: return "the string " + token.text;
    default: return "'" + token.text + "'";
  }
}

std::vector<Token> tokenize(std::string_view text) { return Lexer(text).run(); }

}  // namespace limelight::stages::jinja
