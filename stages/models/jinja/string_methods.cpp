// The methods of strings.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/formatting.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/methods.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/search.hpp"
#include "stages/models/jinja/text_tools.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

using Method = Value (*)(Interpreter&, const Text&, const Arguments&);

Value texts(const std::vector<std::string_view>& parts) {
  std::vector<Value> values;
  for (const std::string_view part : parts) values.push_back(Value::of(part));
  return Value::list(std::move(values));
}

template <std::string (*change)(std::string_view)>
Value changed(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("a string's method", arguments, {});
  interpreter.budget().text(text.bytes.size());
  return Value::of(change(text.bytes));
}

template <Side side>
Value stripped(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("strip", arguments, {"chars"});
  interpreter.budget().text(text.bytes.size());
  interpreter.budget().copy(bound.has(0) ? bound[0].weight() : 0);
  return Value::of(bound.has_value(0) ? strip(text.bytes, bound.text(0), side)
                                      : strip(text.bytes, side));
}

template <bool from_right>
Value split(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("split", arguments, {"sep", "maxsplit"});
  const std::int64_t limit = bound.integer(1, -1);
  return texts(bound.has_value(0) ? split_at(text.bytes, bound.text(0), limit < 0 ? -1 : limit,
                                             from_right, interpreter.budget())
                                  : split_at_space(text.bytes, limit < 0 ? -1 : limit, from_right,
                                                   interpreter.budget()));
}

Value splitlines(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("splitlines", arguments, {"keepends"});
  return texts(split_lines(text.bytes, bound.truth(0), interpreter.budget()));
}

template <bool from_right>
Value partition(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("partition", arguments, {"sep"}, 1);
  const std::string& separator = bound.text(0);
  if (separator.empty()) fail("partition: found an empty separator, expected one with characters");
  interpreter.budget().text(text.bytes.size());
  const std::size_t at = from_right ? find_last(text.bytes, separator, interpreter.budget())
                                    : find_text(text.bytes, separator);
  const Value whole = Value::of(text.bytes), empty = Value::of("");
  if (at == std::string::npos)
    return from_right ? Value::tuple({empty, empty, whole}) : Value::tuple({whole, empty, empty});
  return Value::tuple({Value::of(text.bytes.substr(0, at)), bound[0],
                       Value::of(text.bytes.substr(at + separator.size()))});
}

// The part of the text that find(), count() and their like look at.
struct Window {
  std::string_view text;
  std::size_t begin = 0;  // its first point
  bool exists = true;     // else it begins behind the end
};
Window window(const Text& text, const Bound& bound, Budget& budget) {
  budget.copy(text.bytes.size());
  const auto points = static_cast<std::int64_t>(text.points);
  const auto place = [&](std::size_t parameter, std::int64_t otherwise) {
    if (!bound.has_value(parameter)) return otherwise;
    const std::int64_t index = bound.integer(parameter);
    return index < 0 ? std::max<std::int64_t>(index + points, 0) : index;
  };
  const std::int64_t begin = place(1, 0), end = std::min(place(2, points), points);
  if (begin > end) return {.text = {}, .begin = 0, .exists = false};
  const std::size_t first = byte_of_point(text.bytes, static_cast<std::size_t>(begin)),
                    last = byte_of_point(text.bytes, static_cast<std::size_t>(end));
  return {.text = std::string_view(text.bytes).substr(first, last - first),
          .begin = static_cast<std::size_t>(begin)};
}

// required: the text must be there, as for index().
template <bool from_right, bool required>
Value find(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("find", arguments, {"sub", "start", "end"}, 1);
  const std::string& part = bound.text(0);
  const Window in = window(text, bound, interpreter.budget());
  const std::size_t at = !in.exists   ? std::string::npos
                         : from_right ? find_last(in.text, part, interpreter.budget())
                                      : find_text(in.text, part);
  if (at != std::string::npos) return Value::of(in.begin + count_points(in.text.substr(0, at)));
  if (required) fail("index: found a string without '" + part + "', expected one with it");
  return Value::of(std::int64_t{-1});
}

Value count(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("count", arguments, {"sub", "start", "end"}, 1);
  const std::string& part = bound.text(0);
  const Window in = window(text, bound, interpreter.budget());
  if (!in.exists) return Value::of(std::int64_t{0});
  if (part.empty()) return Value::of(count_points(in.text) + 1);
  std::int64_t found = 0;
  for (std::size_t at = 0; (at = find_text(in.text, part, at)) != std::string::npos;
       at += part.size())
    ++found;
  return Value::of(found);
}

template <bool at_end>
Value has_affix(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound(at_end ? "endswith" : "startswith", arguments, {"prefix", "start", "end"}, 1);
  const Window in = window(text, bound, interpreter.budget());
  const auto has = [&](const Value& affix) {
    if (!affix.is(Kind::string))
      fail("startswith or endswith: found a value of type " + std::string(affix.type_name()) +
           ", expected a string or a tuple of strings");
    return in.exists &&
           (at_end ? in.text.ends_with(affix.bytes()) : in.text.starts_with(affix.bytes()));
  };
  if (!bound[0].is(Kind::tuple)) return Value::of(has(bound[0]));
  const auto& affixes = bound[0].items();
  return Value::of(std::any_of(affixes.begin(), affixes.end(), has));
}

template <bool at_end>
Value remove_affix(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound(at_end ? "removesuffix" : "removeprefix", arguments, {"affix"}, 1);
  const std::string& affix = bound.text(0);
  interpreter.budget().text(text.bytes.size());
  const bool has = at_end ? text.bytes.ends_with(affix) : text.bytes.starts_with(affix);
  if (!has) return Value::of(text.bytes);
  return Value::of(at_end ? text.bytes.substr(0, text.bytes.size() - affix.size())
                          : text.bytes.substr(affix.size()));
}

Value replaced(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  return Value::of(replace(text.bytes, bound.text(0), bound.text(1), bound.integer(2, -1),
                           interpreter.budget()));
}

Value join(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("join", arguments, {"iterable"}, 1);
  return Value::of(
      joined(all_items(bound[0], interpreter.budget()), text.bytes, true, interpreter.budget()));
}

template <Align align>
Value justified(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("ljust, rjust or center", arguments, {"width", "fillchar"}, 1);
  const std::string fill = bound.text(1, " ");
  if (count_points(fill) != 1) fail("found '" + fill + "' to fill with, expected one character");
  std::size_t at = 0;
  return Value::of(
      padded(text.bytes, bound.integer(0), next_point(fill, at), align, interpreter.budget()));
}

Value zfill(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("zfill", arguments, {"width"}, 1);
  const bool sign = text.bytes.starts_with('-') || text.bytes.starts_with('+');
  const std::string digits = text.bytes.substr(sign ? 1 : 0);
  return Value::of(
      text.bytes.substr(0, sign ? 1 : 0) +
      padded(digits, bound.integer(0) - (sign ? 1 : 0), '0', Align::right, interpreter.budget()));
}

std::string swap_case(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    const std::string_view one = text.substr(begin, at - begin);
    out += to_lower(point) != point ? lower(one) : upper(one);
  }
  return out;
}

template <bool (*test)(char32_t)>
Value all_are(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("a string's method", arguments, {});
  interpreter.budget().copy(text.bytes.size());
  for (std::size_t at = 0; at < text.bytes.size();)
    if (!test(next_point(text.bytes, at))) return Value::of(false);
  return Value::of(!text.bytes.empty());
}
bool is_letter_or_digit(char32_t point) { return is_letter(point) || is_digit(point); }
bool is_ascii(char32_t point) { return point < 0x80; }

Value ascii_only(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  return text.bytes.empty() ? Value::of(true) : all_are<is_ascii>(interpreter, text, arguments);
}

template <bool upper_case>
Value has_case(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  const Bound bound("isupper or islower", arguments, {});
  interpreter.budget().copy(text.bytes.size());
  return Value::of(is_in_case(text.bytes, upper_case));
}

Value formatted(Interpreter& interpreter, const Text& text, const Arguments& arguments) {
  return Value::of(format_braces(interpreter, text.bytes, arguments));
}

const std::unordered_map<std::string_view, Method>& methods() {
  static const std::unordered_map<std::string_view, Method> table{
      {"strip", stripped<Side::both>},
      {"lstrip", stripped<Side::left>},
      {"rstrip", stripped<Side::right>},
      {"split", split<false>},
      {"rsplit", split<true>},
      {"splitlines", splitlines},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"startswith", has_affix<false>},
      {"endswith", has_affix<true>},
      {"removeprefix", remove_affix<false>},
      {"removesuffix", remove_affix<true>},
      {"replace", replaced},
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"title", changed<title>},
      {"capitalize", changed<capitalize>},
      {"swapcase", changed<swap_case>},
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count", count},
      {"join", join},
      {"format", formatted},
      {"ljust", justified<Align::left>},
      {"rjust", justified<Align::right>},
      {"center", justified<Align::center>},
      {"zfill", zfill},
      {"isdigit", all_are<is_digit>},
      {"isdecimal", all_are<is_digit>},
      {"isnumeric", all_are<is_digit>},
      {"isalpha", all_are<is_letter>},
      {"isalnum", all_are<is_letter_or_digit>},
      {"isspace", all_are<is_space>},
      {"isascii", ascii_only},
      {"isupper", has_case<true>},
      {"islower", has_case<false>},
  };
  return table;
}

}  // namespace

Value string_method(const Value& text, std::string_view name) {
  if (const auto found = methods().find(name); found != methods().end()) {
    if (text.text().markup)
      refuse("found the method '" + std::string(name) +
             "' of an escaped string, which is not supported");
    return Value::of(std::make_shared<Function>(
        std::string(name),
        [text, method = found->second](Interpreter& interpreter, const Arguments& arguments) {
          return method(interpreter, text.text(), arguments);
        }));
  }
  for (const std::string_view other :
       {"casefold", "encode", "expandtabs", "format_map", "isidentifier", "isprintable", "istitle",
        "maketrans", "translate"})
    if (name == other)
      refuse("found the method '" + std::string(name) + "' of a string, which is not supported");
  return {};
}

}  // namespace limelight::stages::jinja
