// Filters that make a number.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/numbers.hpp"
#include "stages/models/jinja/objects.hpp"

namespace limelight::stages::jinja {

namespace {

void check_defined(const Value& input, std::string_view filter) {
  if (input.is(Kind::undefined))
    fail(std::string(filter) + ": found '" + input.name() + "', which is undefined");
}

Value to_integer(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("int", arguments, {"default", "base"});
  check_defined(input, "int");
  const Value otherwise = bound.value(0, Value::of(std::int64_t{0}));
  if (input.as<BigInteger>() != nullptr) return input;
  if (input.is_number()) {
    if (!input.is(Kind::number)) return Value::of(*index_of(input));
    return std::isnan(input.number()) ? otherwise : Value::of(whole_part(input.number()));
  }
  if (!input.is(Kind::string)) return otherwise;
  if (const auto value = parse_integer(input.bytes(), bound.integer(1, 10))) return *value;
  const auto value = parse_number(input.bytes());  // so that '42.23' becomes 42
  return !value || !std::isfinite(*value) ? otherwise : Value::of(whole_part(*value));
}

Value to_number(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("float", arguments, {"default"});
  check_defined(input, "float");
  if (input.is_number()) return Value::of(to_double(input));
  if (input.is(Kind::string))
    if (const auto value = parse_number(input.bytes())) return Value::of(*value);
  return bound.value(0, Value::of(0.0));
}

Value absolute(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("abs", arguments, {});
  if (!input.is_number())
    fail("abs: found a value of type " + std::string(input.type_name()) + ", expected a number");
  if (input.is(Kind::number)) return Value::of(std::fabs(input.number()));
  const std::int64_t whole = *index_of(input);
  return whole < 0 ? negated(input) : Value::of(whole);
}

// To a multiple of 10^-precision, with halves going to the even one. precision: not positive.
std::int64_t round_whole(std::int64_t value, std::int64_t precision) {
  if (precision < -18) return 0;
  std::int64_t unit = 1;
  for (; precision < 0; ++precision) unit *= 10;
  std::int64_t rest = value % unit;
  if (rest < 0) rest += unit;
  const std::int64_t below = value - rest;
  const bool up = rest > unit - rest || (rest == unit - rest && (below / unit) % 2 != 0);
  return up ? *index_of(Value::of(below + unit)) : below;
}

double round_number(double value, std::int64_t precision) {
  if (!std::isfinite(value) || precision > 400) return value;
  if (precision < 0) {
    const double unit =
        std::pow(10.0, static_cast<double>(std::min<std::int64_t>(-precision, 400)));
    return std::isinf(unit) ? std::copysign(0.0, value) : std::nearbyint(value / unit) * unit;
  }
  // printf rounds the exact value, and halves to even, as Python does.
  const int length = std::snprintf(nullptr, 0, "%.*f", static_cast<int>(precision), value);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), "%.*f", static_cast<int>(precision), value);
  return std::strtod(text.c_str(), nullptr);
}

Value round(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("round", arguments, {"precision", "method"});
  const std::string method = bound.text(1, "common");
  if (method != "common" && method != "ceil" && method != "floor")
    fail("round: found the method '" + method + "', expected common, ceil or floor");
  if (!input.is_number())
    fail("round: found a value of type " + std::string(input.type_name()) + ", expected a number");
  const bool floating = input.is(Kind::number);
  if (method == "common" && bound.has(0) && bound[0].is(Kind::none))
    return floating ? Value::of(whole_part(std::nearbyint(input.number()))) : input;
  const std::int64_t precision = bound.integer(0, 0);
  if (method == "common")
    return floating ? Value::of(round_number(input.number(), precision))
                    : Value::of(precision >= 0 ? *index_of(input)
                                               : round_whole(*index_of(input), precision));
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = to_double(input) * unit;
  const auto whole = whole_part(method == "ceil" ? std::ceil(scaled) : std::floor(scaled));
  return Value::of(static_cast<double>(whole) / unit);
}

}  // namespace

void add_number_filters(Filters& filters) {
  filters.insert({{"int", to_integer}, {"float", to_number}, {"abs", absolute}, {"round", round}});
}

}  // namespace limelight::stages::jinja
