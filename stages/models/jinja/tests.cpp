#include "stages/models/jinja/tests.hpp"

#include <unordered_map>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/numbers.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

void check_none(const Arguments& arguments) { const Bound bound("a test", arguments, {}); }

template <Kind kind>
bool is_kind(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return input.is(kind);
}

bool is_defined(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return !input.is(Kind::undefined);
}

template <bool wanted>
bool is_boolean(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return input.is(Kind::boolean) && input.boolean() == wanted;
}

bool is_integer(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return input.is(Kind::integer) || input.as<BigInteger>() != nullptr;
}

bool is_number(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return input.is_number() || input.as<BigInteger>() != nullptr;
}

bool is_sequence(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  if (input.is(Kind::object)) return input.object()->has_items();
  return input.is(Kind::undefined) || input.is(Kind::string) || input.is_sequence() ||
         input.is(Kind::dict);
}

bool is_iterable(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return try_iterate(input) != nullptr;
}

bool is_callable(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return input.is(Kind::undefined) || (input.is(Kind::object) && input.object()->callable());
}

bool leaves(Interpreter& interpreter, const Value& input, const Value& divisor, std::int64_t rest) {
  return equal(calculate(interpreter.budget(), Operator::modulo, input, divisor), Value::of(rest));
}
template <std::int64_t rest>
bool is_modulo_two(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return leaves(interpreter, input, Value::of(std::int64_t{2}), rest);
}
bool is_divisible(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("divisibleby", arguments, {"num"}, 1);
  return leaves(interpreter, input, bound[0], 0);
}

template <Operator operation>
bool compares(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("a test", arguments, {"other"}, 1);
  charge_comparison(interpreter.budget(), input, bound[0]);
  if (operation == Operator::equal) return equal(input, bound[0]);
  if (operation == Operator::not_equal) return !equal(input, bound[0]);
  return compare_order(operation, input, bound[0]);
}

bool is_in(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("in", arguments, {"seq"}, 1);
  return contains(bound[0], input, interpreter.budget());
}

bool is_same(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("sameas", arguments, {"other"}, 1);
  charge_comparison(interpreter.budget(), input, bound[0]);
  return input.same(bound[0]);
}

template <bool upper_case>
bool is_case(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return is_in_case(to_text(input, interpreter.budget()), upper_case);
}

bool is_escaped(Interpreter&, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  return input.is(Kind::string) && input.text().markup;
}

bool is_filter(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  check_key(input);  // the names are looked up in a dict
  interpreter.budget().copy(input.weight());
  return input.is(Kind::string) && find_filter(input.bytes()) != nullptr;
}
bool is_test(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  check_none(arguments);
  check_key(input);  // the names are looked up in a dict
  interpreter.budget().copy(input.weight());
  return input.is(Kind::string) && find_test(input.bytes()) != nullptr;
}

}  // namespace

Test find_test(std::string_view name) {
  static const std::unordered_map<std::string_view, Test> tests{
      {"defined", is_defined},
      {"undefined", is_kind<Kind::undefined>},
      {"none", is_kind<Kind::none>},
      {"boolean", is_kind<Kind::boolean>},
      {"true", is_boolean<true>},
      {"false", is_boolean<false>},
      {"integer", is_integer},
      {"float", is_kind<Kind::number>},
      {"number", is_number},
      {"string", is_kind<Kind::string>},
      {"mapping", is_kind<Kind::dict>},
      {"sequence", is_sequence},
      {"iterable", is_iterable},
      {"callable", is_callable},
      {"odd", is_modulo_two<1>},
      {"even", is_modulo_two<0>},
      {"divisibleby", is_divisible},
      {"in", is_in},
      {"sameas", is_same},
      {"lower", is_case<false>},
      {"upper", is_case<true>},
      {"escaped", is_escaped},
      {"filter", is_filter},
      {"test", is_test},
      {"==", compares<Operator::equal>},
      {"eq", compares<Operator::equal>},
      {"equalto", compares<Operator::equal>},
      {"!=", compares<Operator::not_equal>},
      {"ne", compares<Operator::not_equal>},
      {"<", compares<Operator::less>},
      {"lt", compares<Operator::less>},
      {"lessthan", compares<Operator::less>},
      {"<=", compares<Operator::less_equal>},
      {"le", compares<Operator::less_equal>},
      {">", compares<Operator::greater>},
      {"gt", compares<Operator::greater>},
      {"greaterthan", compares<Operator::greater>},
      {">=", compares<Operator::greater_equal>},
      {"ge", compares<Operator::greater_equal>},
  };
  const auto found = tests.find(name);
  return found == tests.end() ? nullptr : found->second;
}

}  // namespace limelight::stages::jinja
