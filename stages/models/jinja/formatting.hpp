// Python's two ways to format texts: '%s: %d' % (a, b) and '{}: {}'.format(a, b).
#pragma once

#include <string>
#include <string_view>

#include "stages/models/jinja/object.hpp"

namespace limelight::stages::jinja {

// values: a tuple of values, a dict for '%(name)s', or a single value. Knows the conversions
// s r d i u f F e E g G x X o c, with flags, width and precision.
std::string format_percent(Budget& budget, std::string_view format, const Value& values);

// Knows fields by position and by name, with attributes and items, !s and !r, and the format
// specifications of strings, integers and floating-point numbers apart from the types n and %, and
// a precision without a type.
std::string format_braces(Interpreter& interpreter,
                          std::string_view format,
                          const Arguments& values);

// A number in one of the conversions d f F e E g G x X o b, as C prints it, with its sign.
// precision: -1: not given. alternate: with the prefix 0x, or a point in any case.
std::string format_number(const Value& value,
                          char conversion,
                          std::int64_t precision,
                          bool alternate,
                          std::string_view plus);

}  // namespace limelight::stages::jinja
