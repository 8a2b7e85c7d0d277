// Arithmetic as in Python, apart from integers of more than 64 bits: they are an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "stages/models/jinja/syntax.hpp"

namespace limelight::stages::jinja {

// Throws a Failure for types that the operation does not take; also for what lists and strings can
// do: +, * and the % that formats.
Value calculate(Budget& budget, Operator operation, const Value& left, const Value& right);
Value negated(const Value& value);
Value kept(const Value& value);  // +value

double to_double(const Value& number);
// Of a floating-point number, towards zero. Throws a Failure if it does not fit.
std::int64_t whole_part(double value);

// What int() and float() read from a text; nothing if it is not a number. base: 0: by the prefix.
std::optional<Value> parse_integer(std::string_view text, std::int64_t base);
std::optional<double> parse_number(std::string_view text);

}  // namespace limelight::stages::jinja
