// Filters that make a text, and the table of all filters.
#include <algorithm>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/formatting.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/text_tools.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

Value tojson(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonLayout layout;
  layout.ascii_only = bound.truth(0);
  if (bound.has_value(1)) {
    layout.lines = true;
    layout.item_separator = ",";
    if (bound[1].is(Kind::string)) layout.indent = bound.text(1);
    else layout.indent = repeated(" ", bound.integer(1), interpreter.budget());
  }
  if (bound.has_value(2)) {
    const std::vector<Value> separators = all_items(bound[2], interpreter.budget());
    if (separators.size() != 2 || !separators[0].is(Kind::string) ||
        !separators[1].is(Kind::string))
      fail("tojson: found other separators, expected two strings");
    layout.item_separator = separators[0].bytes();
    layout.key_separator = separators[1].bytes();
  }
  layout.sort_keys = bound.truth(3);
  return Value::of(to_json(input, layout, interpreter.budget()));
}

// What a filter makes of an escaped text is escaped too.
Value text_like(const Value& input, std::string bytes) {
  Text text(std::move(bytes));
  text.markup = input.is(Kind::string) && input.text().markup;
  return Value::of(std::move(text));
}

template <std::string (*change)(std::string_view)>
Value changed(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("a filter of text", arguments, {});
  return text_like(input, change(to_text(input, interpreter.budget())));
}
std::string same(std::string_view text) { return std::string(text); }

// Unlike str.title() this begins a word only after whitespace, a hyphen or an opening bracket.
std::string title_words(std::string_view text) {
  std::string out;
  std::string word;
  const auto end_word = [&] {
    std::size_t at = 0;
    if (!word.empty()) next_point(word, at);
    out += upper(word.substr(0, at)) + lower(word.substr(at));
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    const bool between = is_space(point) || point == '-' || point == '(' || point == '{' ||
                         point == '[' || point == '<';
    if (between) end_word();
    (between ? out : word) += text.substr(begin, at - begin);
  }
  end_word();
  return out;
}

Value title_filter(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("title", arguments, {});
  return Value::of(title_words(to_text(input, interpreter.budget())));
}

Value trim(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("trim", arguments, {"chars"});
  interpreter.budget().copy(bound.has(0) ? bound[0].weight() : 0);
  const std::string text = to_text(input, interpreter.budget());
  return text_like(input, std::string(bound.has_value(0) ? strip(text, bound.text(0), Side::both)
                                                         : strip(text, Side::both)));
}

Value replace_text(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  Budget& budget = interpreter.budget();
  return Value::of(replace(to_text(input, budget), to_text(bound[0], budget),
                           to_text(bound[1], budget), bound.has_value(2) ? bound.integer(2) : -1,
                           budget));
}

Value join(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("join", arguments, {"d", "attribute"});
  std::vector<Value> items = all_items(input, interpreter.budget());
  if (bound.has_value(1)) {
    const AttributePath path(bound[1]);
    for (Value& item : items) item = path.get(interpreter, item, {});
  }
  const std::string separator =
      bound.has(0) ? to_text(bound[0], interpreter.budget()) : std::string();
  return Value::of(joined(items, separator, false, interpreter.budget()));
}

Value indent(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("indent", arguments, {"width", "first", "blank"});
  Budget& budget = interpreter.budget();
  if (!input.is(Kind::string))
    fail("indent: found a value of type " + std::string(input.type_name()) + ", expected a string");
  const std::string space = bound.has(0) && bound[0].is(Kind::string)
                                ? bound.text(0)
                                : repeated(" ", bound.integer(0, 4), budget);
  const bool blank = bound.truth(2);
  std::string out = bound.truth(1) ? space : "";
  bool first = true;
  const std::string text = input.bytes() + "\n";
  for (const std::string_view line : split_lines(text, false, budget)) {
    if (!first) out += '\n';
    if (!std::exchange(first, false) && (blank || !line.empty())) out += space;
    out += line;
    budget.copy(line.size() + space.size());
    budget.check_text(out.size());
  }
  return Value::of(std::move(out));
}

Value truncate(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const std::int64_t length = bound.integer(0, 255),
                     leeway = bound.has_value(3) ? bound.integer(3) : 5;
  const std::string end = bound.text(2, "...");
  const auto end_points = static_cast<std::int64_t>(count_points(end));
  if (length < end_points || leeway < 0)
    fail("truncate: found the length " + std::to_string(length) + " and the leeway " +
         std::to_string(leeway) + ", expected the length of the end or more, and 0 or more");
  const auto points = length_of(input);
  if (!points) fail("truncate: found a value without a length, expected a string");
  if (static_cast<std::int64_t>(*points) <= length + leeway) return input;
  if (!input.is(Kind::string)) fail("truncate: found another value, expected a string");
  interpreter.budget().text(input.bytes().size());
  std::string text = input.bytes().substr(
      0, byte_of_point(input.bytes(), static_cast<std::size_t>(length - end_points)));
  if (!bound.truth(1)) text.resize(std::min(text.rfind(' '), text.size()));
  return Value::of(text + end);
}

Value format(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    fail("format: found arguments by position and by name, expected one kind");
  Dict named;
  for (const auto& [name, value] : arguments.named) named.set(Value::of(name), value);
  return Value::of(format_percent(
      interpreter.budget(), to_text(input, interpreter.budget()),
      arguments.named.empty() ? Value::tuple(arguments.positional) : Value::of(std::move(named))));
}

Value center(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("center", arguments, {"width"});
  return Value::of(padded(to_text(input, interpreter.budget()), bound.integer(0, 80), ' ',
                          Align::center, interpreter.budget()));
}

Value wordcount(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("wordcount", arguments, {});
  const std::string text = to_text(input, interpreter.budget());
  std::int64_t count = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = next_point(text, at);
    const bool word = is_letter(point) || is_digit(point) || point == '_';
    count += word && !inside ? 1 : 0;
    inside = word;
  }
  return Value::of(count);
}

Value markup(std::string text) {
  Text marked(std::move(text));
  marked.markup = true;
  return Value::of(std::move(marked));
}
Value safe(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("safe", arguments, {});
  return markup(to_text(input, interpreter.budget()));
}
Value escape(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("escape", arguments, {});
  if (input.is(Kind::string) && input.text().markup) return input;
  return markup(escaped(to_text(input, interpreter.budget()), interpreter.budget()));
}

}  // namespace

void add_text_filters(Filters& filters) {
  filters.insert({{"tojson", tojson},
                  {"upper", changed<upper>},
                  {"lower", changed<lower>},
                  {"capitalize", changed<capitalize>},
                  {"title", title_filter},
                  {"string", changed<same>},
                  {"trim", trim},
                  {"replace", replace_text},
                  {"join", join},
                  {"indent", indent},
                  {"truncate", truncate},
                  {"format", format},
                  {"center", center},
                  {"wordcount", wordcount},
                  {"safe", safe},
                  {"e", escape},
                  {"escape", escape}});
}

Filter find_filter(std::string_view name) {
  static const Filters filters = [] {
    Filters all;
    add_text_filters(all);
    add_number_filters(all);
    add_list_filters(all);
    add_order_filters(all);
    add_selection_filters(all);
    return all;
  }();
  const auto found = filters.find(name);
  return found == filters.end() ? nullptr : found->second;
}

}  // namespace limelight::stages::jinja
