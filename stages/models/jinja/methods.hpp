// The methods of strings, lists and dicts.
#pragma once

#include <string_view>

#include "stages/models/jinja/object.hpp"

namespace limelight::stages::jinja {

// Each returns the method bound to the value, or missing if Python has no such method. They throw a
// Failure for a method that Python has and this interpreter lacks.
Value string_method(const Value& text, std::string_view name);
Value list_method(const Value& list, std::string_view name);  // also of tuples
Value dict_method(const Value& dict, std::string_view name);

}  // namespace limelight::stages::jinja
