#include "stages/models/jinja/numbers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/formatting.hpp"
#include "stages/models/jinja/text_tools.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();

[[noreturn]] void overflow() {
  fail("found a whole number of more than 64 bits, expected a smaller one");
}
void check_divisor(bool zero) {
  if (zero) fail("found a division by zero");
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  check_divisor(b == 0);
  if (a == lowest && b == -1) overflow();
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}
std::int64_t modulo(std::int64_t a, std::int64_t b) {
  check_divisor(b == 0);
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double modulo(double a, double b) {
  check_divisor(b == 0);
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}
double floor_divide(double a, double b) {
  check_divisor(b == 0);
  const double quotient = (a - modulo(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

std::int64_t multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) overflow();
  return product;
}
std::int64_t power(std::int64_t base, std::int64_t exponent) {
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  std::int64_t result = 1;
  for (; exponent > 0; --exponent) result = multiply(result, base);  // overflows within 64 rounds
  return result;
}

double float_power(double a, double b) {
  if (a == 0 && b < 0) fail("found a negative power of zero");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b))
    refuse("found a power that is a complex number, which is not supported");
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b))
    fail("found a power that is too large for a floating-point number");
  return result;
}

Value calculate_whole(Operator operation, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (operation) {
    case Operator::add:
      if (__builtin_add_overflow(a, b, &result)) overflow();
      return Value::of(result);
    case Operator::subtract:
      if (__builtin_sub_overflow(a, b, &result)) overflow();
      return Value::of(result);
    case Operator::multiply: return Value::of(multiply(a, b));
    case Operator::divide:
      check_divisor(b == 0);
      // Wide enough for both to be exact, so that only the quotient is rounded.
      return Value::of(
          static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
    case Operator::floor_divide: return Value::of(floor_divide(a, b));
    case Operator::modulo: return Value::of(modulo(a, b));
    default:
      if (b < 0) return Value::of(float_power(static_cast<double>(a), static_cast<double>(b)));
      return Value::of(power(a, b));
  }
}

Value calculate_floating(Operator operation, double a, double b) {
  switch (operation) {
    case Operator::add: return Value::of(a + b);
    case Operator::subtract: return Value::of(a - b);
    case Operator::multiply: return Value::of(a * b);
    case Operator::divide: check_divisor(b == 0); return Value::of(a / b);
    case Operator::floor_divide: return Value::of(floor_divide(a, b));
    case Operator::modulo: return Value::of(modulo(a, b));
    default: return Value::of(float_power(a, b));
  }
}

Value add_texts(Budget& budget, const Text& left, const Text& right) {
  budget.text(left.bytes.size() + right.bytes.size());
  if (!left.markup && !right.markup) return Value::of(left.bytes + right.bytes);
  Text sum((left.markup ? left.bytes : escaped(left.bytes, budget)) +
           (right.markup ? right.bytes : escaped(right.bytes, budget)));
  sum.markup = true;
  return Value::of(std::move(sum));
}

Value add_lists(Budget& budget, const Value& left, const Value& right) {
  budget.step(static_cast<std::int64_t>(left.items().size() + right.items().size()));
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  return left.is(Kind::list) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

Value repeat(Budget& budget, const Value& value, std::int64_t count) {
  if (value.is(Kind::string)) {
    Text text(repeated(value.bytes(), count, budget));
    text.markup = value.text().markup;
    return Value::of(std::move(text));
  }
  count = std::max<std::int64_t>(count, 0);
  const auto size = static_cast<std::int64_t>(value.items().size());
  if (size != 0) budget.step(count > budget.limits().steps ? count : 0);
  budget.step(count > 0 ? multiply(std::min(count, budget.limits().steps), size) : 0);
  std::vector<Value> items;
  for (; count > 0 && size != 0; --count)
    items.insert(items.end(), value.items().begin(), value.items().end());
  return value.is(Kind::list) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

std::string_view symbol(Operator operation) {
  switch (operation) {
    case Operator::add: return "+";
    case Operator::subtract: return "-";
    case Operator::multiply: return "*";
    case Operator::divide: return "/";
    case Operator::floor_divide: return "//";
    case Operator::modulo: return "%";
    default: return "**";
  }
}

}  // namespace

double to_double(const Value& number) {
  return number.is(Kind::number) ? number.number() : static_cast<double>(*index_of(number));
}

std::int64_t whole_part(double value) {
  if (std::isnan(value)) fail("found 'nan', expected a number that has a whole part");
  if (!(std::fabs(value) < 0x1p63)) overflow();
  return static_cast<std::int64_t>(value);
}

Value calculate(Budget& budget, Operator operation, const Value& left, const Value& right) {
  if (left.is_number() && right.is_number())
    return left.is(Kind::number) || right.is(Kind::number)
               ? calculate_floating(operation, to_double(left), to_double(right))
               : calculate_whole(operation, *index_of(left), *index_of(right));
  const auto repeats = [](const Value& value) {
    return value.is(Kind::string) || value.is_sequence();
  };
  if (operation == Operator::modulo && left.is(Kind::string)) {
    if (left.text().markup) refuse("found '%' with an escaped string, which is not supported");
    return Value::of(format_percent(budget, left.bytes(), right));
  }
  if (operation == Operator::add && left.kind() == right.kind()) {
    if (left.is(Kind::string)) return add_texts(budget, left.text(), right.text());
    if (left.is_sequence()) return add_lists(budget, left, right);
  }
  if (operation == Operator::multiply && repeats(left))
    if (const auto count = index_of(right)) return repeat(budget, left, *count);
  if (operation == Operator::multiply && repeats(right))
    if (const auto count = index_of(left)) return repeat(budget, right, *count);
  for (const Value& operand : {left, right})
    if (operand.is(Kind::undefined))
      fail("found '" + operand.name() + "', which is undefined, next to '" +
           std::string(symbol(operation)) + "'");
  fail("found '" + std::string(symbol(operation)) + "' between a value of type " +
       std::string(left.type_name()) + " and one of type " + std::string(right.type_name()) +
       ", expected types that it takes");
}

Value negated(const Value& value) {
  if (value.is(Kind::number)) return Value::of(-value.number());
  const auto whole = index_of(value);
  if (!whole)
    fail("found '-' before a value of type " + std::string(value.type_name()) +
         ", expected a number");
  if (*whole == lowest) overflow();
  return Value::of(-*whole);
}

Value kept(const Value& value) {
  if (!value.is_number())
    fail("found '+' before a value of type " + std::string(value.type_name()) +
         ", expected a number");
  return value.is(Kind::boolean) ? Value::of(*index_of(value)) : value;
}

std::optional<Value> parse_integer(std::string_view text, std::int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  text = strip(text, Side::both);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::string prefix = lower(text.substr(0, 2));
  const std::int64_t named = prefix == "0x" ? 16 : prefix == "0o" ? 8 : prefix == "0b" ? 2 : 0;
  const bool prefixed = named != 0 && (base == 0 || base == named);
  if (prefixed) {
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);
  }
  if (text.empty() || text.front() == '-' || text.front() == '_' || text.back() == '_' ||
      text.find("__") != std::string_view::npos)
    return std::nullopt;
  std::string digits(text);
  std::erase(digits, '_');
  if (base == 0 && !prefixed && digits.front() == '0' &&
      digits.find_first_not_of('0') != std::string::npos)
    return std::nullopt;
  if (negative) digits.insert(0, 1, '-');
  std::int64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                    static_cast<int>(base != 0  ? base
                                                     : prefixed ? named
                                                                : 10));
  if (read.ec == std::errc::invalid_argument || read.ptr != digits.data() + digits.size())
    return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) overflow();
  return Value::of(value);
}

std::optional<double> parse_number(std::string_view text) {
  text = strip(text, Side::both);
  const std::string word = lower(text);
  const std::string_view name =
      std::string_view(word).substr(word.starts_with('-') || word.starts_with('+') ? 1 : 0);
  const bool is_name = name == "inf" || name == "infinity" || name == "nan";
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_digit_at = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '9';
    };
    if (text[i] == '_' && i > 0 && is_digit_at(i - 1) && is_digit_at(i + 1)) continue;
    if (!is_name && !is_digit_at(i) && std::string_view("+-.eE").find(text[i]) == std::string::npos)
      return std::nullopt;
    digits += text[i];
  }
  if (digits.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace limelight::stages::jinja
