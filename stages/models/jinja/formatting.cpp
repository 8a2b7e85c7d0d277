#include "stages/models/jinja/formatting.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/numbers.hpp"
#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/text_tools.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

std::string digits_of(std::uint64_t value, unsigned base, bool capitals) {
  const std::string_view symbols = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string digits;
  do {
    digits += symbols[value % base];
    value /= base;
  } while (value != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string float_digits(double value, char conversion, std::int64_t precision, bool alternate) {
  constexpr std::int64_t most = 10'000;
  if (precision > most)
    throw Failure{.code = ErrorCode::too_large,
                  .message = "found a format of " + std::to_string(precision) +
                             " digits, expected at most " + std::to_string(most)};
  if (std::isnan(value) || std::isinf(value)) {
    const std::string text = std::isnan(value) ? "nan" : "inf";
    return conversion >= 'A' && conversion <= 'Z' ? upper(text) : text;
  }
  const std::string format = std::string("%") + (alternate ? "#" : "") + ".*" + conversion;
  const int digits = static_cast<int>(precision < 0 ? 6 : precision);
  const int length = std::snprintf(nullptr, 0, format.c_str(), digits, value);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), format.c_str(), digits, value);
  text.pop_back();
  return text;
}

// One conversion of a percent format, such as %-5.2f.
struct Conversion {
  bool left = false, plus = false, space = false, alternate = false, zeros = false;
  std::int64_t width = 0, precision = -1;
  char type = 's';
};

class PercentFormatter {
 public:
  PercentFormatter(Budget& budget, std::string_view format, const Value& values)
      : budget_(budget), format_(format), values_(values) {}

  std::string run() {
    std::string out;
    while (at_ < format_.size()) {
      if (format_[at_] != '%') {
        out += format_[at_++];
        continue;
      }
      ++at_;
      out += convert();
      budget_.check_text(out.size());
    }
    // Python takes values with items for a mapping, of which it needs not use all.
    const bool all_used = values_.is(Kind::tuple) ? used_ == values_.items().size()
                                                  : used_ == 1 || named_ || has_items();
    if (!all_used) fail("found more values than the format has conversions, expected as many");
    budget_.text(out.size());
    return out;
  }

 private:
  bool has_items() const {
    return values_.is(Kind::dict) || values_.is(Kind::list) || values_.is(Kind::undefined) ||
           (values_.is(Kind::object) && values_.object()->has_items());
  }
  char peek() const {
    if (at_ >= format_.size()) fail("found a format that ends within a conversion");
    return format_[at_];
  }
  const Value& next_value() {
    if (values_.is(Kind::tuple)) {
      if (used_ >= values_.items().size())
        fail("found fewer values than the format has conversions, expected as many");
      return values_.items()[used_++];
    }
    if (used_++ > 0) fail("found one value for a format with several conversions");
    return values_;
  }
  const Value& named_value() {
    ++at_;
    const std::size_t end = format_.find(')', at_);
    if (end == std::string_view::npos) fail("found a format with '%(', expected a ')' too");
    const std::string_view name = format_.substr(at_, end - at_);
    at_ = end + 1;
    if (!values_.is(Kind::dict)) fail("found a format with names, expected a dict of values");
    const Value* value = values_.dict().find(name);
    if (value == nullptr)
      fail("found a format with the name '" + std::string(name) + "', which the dict lacks");
    named_ = true;
    return *value;
  }
  std::int64_t number() {
    if (peek() == '*') {
      ++at_;
      const auto width = index_of(next_value());
      if (!width) fail("found a width or precision that is no whole number");
      return *width;
    }
    std::int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + (peek() - '0');
      budget_.check_text(static_cast<std::size_t>(value));
    }
    return value;
  }

  std::string convert() {
    const Value* named = peek() == '(' ? &named_value() : nullptr;
    Conversion spec;
    for (;; ++at_) {
      if (peek() == '-') spec.left = true;
      else if (peek() == '+') spec.plus = true;
      else if (peek() == ' ') spec.space = true;
      else if (peek() == '#') spec.alternate = true;
      else if (peek() == '0') spec.zeros = true;
      else break;
    }
    spec.width = number();
    if (spec.width < 0) spec.left = true, spec.width = -spec.width;
    if (peek() == '.') {
      ++at_;
      spec.precision = std::max<std::int64_t>(number(), 0);
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    spec.type = peek();
    ++at_;
    if (spec.type == '%') return "%";
    return print(named == nullptr ? next_value() : *named, spec);
  }

  std::string print(const Value& value, const Conversion& spec) {
    std::string text;
    bool number = false;
    switch (spec.type) {
      case 's':
      case 'r':
        text = spec.type == 's' ? to_text(value, budget_) : to_repr(value, budget_);
        if (spec.precision >= 0)
          text.resize(byte_of_point(text, static_cast<std::size_t>(spec.precision)));
        break;
      case 'c': text = character(value); break;
      default:
        if (std::string_view("diuxXofFeEgG").find(spec.type) == std::string_view::npos)
          fail(std::string("found the conversion '%") + spec.type + "', which does not exist");
        number = true;
        budget_.check_text(static_cast<std::size_t>(std::max<std::int64_t>(spec.precision, 0)));
        text = format_number(value, spec.type == 'i' || spec.type == 'u' ? 'd' : spec.type,
                             spec.precision, spec.alternate,
                             spec.plus    ? "+"
                             : spec.space ? " "
                                          : "");
    }
    if (number && spec.zeros && !spec.left) return zero_padded(text, spec.width);
    return padded(text, spec.width, ' ', spec.left ? Align::left : Align::right, budget_);
  }

  std::string zero_padded(const std::string& text, std::int64_t width) {
    std::size_t sign = text.find_first_of("+- ") == 0 ? 1 : 0;
    if (text.compare(sign, 2, "0x") == 0 || text.compare(sign, 2, "0X") == 0 ||
        text.compare(sign, 2, "0o") == 0)
      sign += 2;
    return text.substr(0, sign) + padded(text.substr(sign), width - static_cast<std::int64_t>(sign),
                                         '0', Align::right, budget_);
  }

  static std::string character(const Value& value) {
    if (value.is(Kind::string) && value.text().points == 1) return value.bytes();
    const auto point = index_of(value);
    if (!point || *point < 0 || *point > 0x10ffff)
      fail("found a value of type " + std::string(value.type_name()) +
           " for '%c', expected one character");
    std::string text;
    append_point(text, static_cast<char32_t>(*point));
    return text;
  }

  Budget& budget_;
  std::string_view format_;
  const Value& values_;
  std::size_t at_ = 0, used_ = 0;
  bool named_ = false;
};

}  // namespace

std::string format_number(const Value& value,
                          char conversion,
                          std::int64_t precision,
                          bool alternate,
                          std::string_view plus) {
  if (!value.is_number())
    fail("found a value of type " + std::string(value.type_name()) +
         " to format as a number, expected a number");
  if (std::string_view("fFeEgG").find(conversion) != std::string_view::npos) {
    const double number = to_double(value);
    const std::string digits = float_digits(std::fabs(number), conversion, precision, alternate);
    return (std::signbit(number) && !std::isnan(number) ? "-" : std::string(plus)) + digits;
  }
  if (value.is(Kind::number) && conversion != 'd')
    fail("found a floating-point number to format as a whole number, expected a whole number");
  const std::int64_t number =
      value.is(Kind::number) ? whole_part(value.number()) : *index_of(value);
  const std::uint64_t size =
      number < 0 ? ~static_cast<std::uint64_t>(number) + 1 : static_cast<std::uint64_t>(number);
  const bool capitals = conversion == 'X';
  const unsigned base = conversion == 'd' ? 10 : conversion == 'o' ? 8 : conversion == 'b' ? 2 : 16;
  std::string digits = digits_of(size, base, capitals);
  if (precision > static_cast<std::int64_t>(digits.size()))
    digits.insert(0, static_cast<std::size_t>(precision) - digits.size(), '0');
  if (alternate && base != 10) digits.insert(0, {'0', conversion});
  return (number < 0 ? "-" : std::string(plus)) + digits;
}

std::string format_percent(Budget& budget, std::string_view format, const Value& values) {
  return PercentFormatter(budget, format, values).run();
}

}  // namespace limelight::stages::jinja
