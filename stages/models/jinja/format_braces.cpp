// '{}: {:>5}'.format(a, b)
#include <algorithm>
#include <cctype>

#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/formatting.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/numbers.hpp"
#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/text_tools.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

// [[fill]align][sign][#][0][width][,][.precision][type]
struct Specification {
  char32_t fill = ' ';
  char align = '\0';
  char sign = '-';
  bool alternate = false;
  std::int64_t width = 0, precision = -1;
  char grouping = '\0';
  char type = '\0';
};

[[noreturn]] void fail_specification(std::string_view text) {
  fail("found the format '" + std::string(text) + "', which does not fit its value");
}

std::int64_t read_number(std::string_view text, std::size_t& at, const Budget& budget) {
  std::int64_t value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = value * 10 + (text[at] - '0');
    budget.check_text(static_cast<std::size_t>(value));
  }
  return value;
}

Specification read_specification(std::string_view text, const Budget& budget) {
  Specification spec;
  std::size_t at = 0;
  const auto is_align = [&](std::size_t place) {
    return place < text.size() && std::string_view("<>=^").find(text[place]) != std::string::npos;
  };
  if (!text.empty()) {
    std::size_t after = 0;
    const char32_t fill = next_point(text, after);
    if (is_align(after)) {
      spec.fill = fill;
      spec.align = text[after];
      at = after + 1;
    } else if (is_align(0)) {
      spec.align = text[at++];
    }
  }
  const auto next_is = [&](std::string_view any) {
    return at < text.size() && any.find(text[at]) != std::string_view::npos;
  };
  if (next_is("+- ")) spec.sign = text[at++];
  if (next_is("#")) spec.alternate = true, ++at;
  if (next_is("0")) {
    ++at;
    if (spec.align == '\0') spec.fill = '0', spec.align = '=';
  }
  spec.width = read_number(text, at, budget);
  if (next_is(",_")) spec.grouping = text[at++];
  if (next_is(".")) {
    ++at;
    if (!next_is("0123456789")) fail_specification(text);
    spec.precision = read_number(text, at, budget);
  }
  if (at < text.size()) spec.type = text[at++];
  if (at != text.size()) fail_specification(text);
  return spec;
}

std::string grouped(const std::string& number, char separator) {
  const std::size_t begin = number.find_first_of("0123456789");
  std::size_t end = number.find_first_not_of("0123456789", begin);
  if (begin == std::string::npos) return number;
  if (end == std::string::npos) end = number.size();
  std::string out = number;
  for (std::size_t at = end; at > begin + 3;) out.insert(at -= 3, 1, separator);
  return out;
}

std::string number_text(const Value& value, const Specification& spec, std::string_view said) {
  const std::string_view plus = spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
  if (spec.type == 'n' || spec.type == '%' || spec.type == 'c' ||
      (spec.type == '\0' && spec.precision >= 0))
    refuse("found the format '" + std::string(said) + "' of a number, which is not supported");
  const bool floating = value.is(Kind::number);
  if (spec.type == '\0' && floating) {
    const std::string text = print_number(value.number());
    return text.starts_with('-') ? text : std::string(plus) + text;
  }
  const char type = spec.type == '\0' ? 'd' : spec.type;
  if (std::string_view(floating ? "fFeEgG" : "bdoxXfFeEgG").find(type) == std::string::npos)
    fail_specification(said);
  if (std::string_view("bdoxX").find(type) != std::string::npos && spec.precision >= 0)
    fail_specification(said);
  return format_number(value, type, spec.precision, spec.alternate, plus);
}

std::string format_value(Budget& budget, const Value& value, std::string_view said) {
  if (said.empty()) return to_text(value, budget);
  Specification spec = read_specification(said, budget);
  if (value.is_number()) {
    std::string text = number_text(value, spec, said);
    if (spec.grouping != '\0') text = grouped(text, spec.grouping);
    if (spec.align == '=') {
      if (spec.grouping != '\0' && spec.fill == '0')
        refuse("found a format with zeros and groups of digits, which is not supported");
      std::size_t sign = text.find_first_of("+- ") == 0 ? 1 : 0;
      if (spec.alternate && text.size() > sign + 1 && std::isalpha(text[sign + 1]) != 0) sign += 2;
      return text.substr(0, sign) + padded(text.substr(sign),
                                           spec.width - static_cast<std::int64_t>(sign), spec.fill,
                                           Align::right, budget);
    }
    if (spec.align == '\0') spec.align = '>';
    return padded(text, spec.width, spec.fill,
                  spec.align == '<'   ? Align::left
                  : spec.align == '>' ? Align::right
                                      : Align::center,
                  budget);
  }
  if (!value.is(Kind::string) || (spec.type != '\0' && spec.type != 's') || spec.sign != '-' ||
      spec.alternate || spec.grouping != '\0' || (spec.align == '=' && spec.fill != '0'))
    fail_specification(said);
  std::string text = value.bytes();
  if (spec.precision >= 0)
    text.resize(byte_of_point(text, static_cast<std::size_t>(spec.precision)));
  if (spec.align == '^') {  // here the smaller half goes to the left, unlike in str.center()
    const auto missing = spec.width - static_cast<std::int64_t>(count_points(text));
    text = padded(
        text,
        static_cast<std::int64_t>(count_points(text)) + std::max<std::int64_t>(missing, 0) / 2,
        spec.fill, Align::right, budget);
    return padded(text, spec.width, spec.fill, Align::left, budget);
  }
  return padded(text, spec.width, spec.fill, spec.align == '>' ? Align::right : Align::left,
                budget);
}

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& values)
      : interpreter_(interpreter), values_(values) {}

  std::string run(std::string_view format, int depth) {
    std::string out;
    for (std::size_t at = 0; at < format.size();) {
      const char c = format[at++];
      const bool doubled = at < format.size() && format[at] == c;
      if (c != '{' && c != '}') out += c;
      else if (doubled && depth == 0) out += c, ++at;
      else if (c == '}') fail("found a format with a '}' alone, expected '}}'");
      else out += field(format, at, depth);
      interpreter_.budget().check_text(out.size());
    }
    interpreter_.budget().text(out.size());
    return out;
  }

 private:
  // at: behind the opening brace.
  std::string field(std::string_view format, std::size_t& at, int depth) {
    int open = 1;
    std::size_t end = at;
    for (; end < format.size(); ++end)
      if (format[end] == '{') ++open;
      else if (format[end] == '}' && --open == 0) break;
    if (open != 0 || depth > 1) fail("found a format with a '{' alone, expected '{{'");
    const std::string_view inside = format.substr(at, end - at);
    at = end + 1;
    std::size_t name_end = 0;
    for (bool bracket = false; name_end < inside.size(); ++name_end) {
      if (inside[name_end] == '[') bracket = true;
      else if (inside[name_end] == ']') bracket = false;
      else if (!bracket && (inside[name_end] == ':' || inside[name_end] == '!')) break;
    }
    Value value = look_up(inside.substr(0, name_end));
    std::string_view rest = inside.substr(name_end);
    if (rest.starts_with('!')) {
      const char conversion = rest.size() > 1 ? rest[1] : ' ';
      if (conversion == 'a') refuse("found the conversion '!a', which is not supported");
      if ((conversion != 's' && conversion != 'r') || (rest.size() > 2 && rest[2] != ':'))
        fail("found a format with a conversion other than '!s' and '!r'");
      value = Value::of(conversion == 's' ? to_text(value, interpreter_.budget())
                                          : to_repr(value, interpreter_.budget()));
      rest.remove_prefix(2);
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    return format_value(interpreter_.budget(), value, run(rest, depth + 1));
  }

  Value look_up(std::string_view name) {
    const std::size_t first_end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, first_end));
    for (std::size_t at = first_end; at < name.size();) {
      const bool attribute = name[at++] == '.';
      const std::size_t end =
          std::min(attribute ? name.find_first_of(".[", at) : name.find(']', at), name.size());
      const std::string part(name.substr(at, end - at));
      if (part.empty() || (!attribute && end == name.size()))
        fail("found a format with an empty attribute or an open '['");
      const bool number =
          part.size() < 18 && part.find_first_not_of("0123456789") == std::string::npos;
      value = attribute ? get_attribute(interpreter_, value, part)
              : number  ? get_item(interpreter_, value, Value::of(std::int64_t{std::stoll(part)}))
                        : get_item(interpreter_, value, Value::of(part));
      at = attribute ? end : end + 1;
    }
    return value;
  }

  Value argument(std::string_view name) {
    const bool automatic = name.empty();
    const bool number = !automatic && name.size() < 10 &&
                        name.find_first_not_of("0123456789") == std::string_view::npos;
    if (automatic || number) {
      if (numbering_ != '\0' && numbering_ != (automatic ? 'a' : 'n'))
        fail("found a format with '{}' and '{0}', expected one of the two ways to number");
      numbering_ = automatic ? 'a' : 'n';
      const std::size_t index =
          automatic ? next_++ : static_cast<std::size_t>(std::stoul(std::string(name)));
      if (index >= values_.positional.size())
        fail("found fewer values than the format has fields, expected as many");
      return values_.positional[index];
    }
    for (const auto& [named, value] : values_.named)
      if (named == name) return value;
    fail("found a format with the name '" + std::string(name) + "', which has no value");
  }

  Interpreter& interpreter_;
  const Arguments& values_;
  std::size_t next_ = 0;
  char numbering_ = '\0';
};

}  // namespace

std::string format_braces(Interpreter& interpreter,
                          std::string_view format,
                          const Arguments& values) {
  return BraceFormatter(interpreter, values).run(format, 0);
}

}  // namespace limelight::stages::jinja
