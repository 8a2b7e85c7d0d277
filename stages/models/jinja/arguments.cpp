#include "stages/models/jinja/arguments.hpp"

#include <algorithm>

#include "stages/models/jinja/attributes.hpp"

namespace limelight::stages::jinja {

Bound::Bound(std::string_view function,
             const Arguments& arguments,
             std::initializer_list<std::string_view> parameters,
             std::size_t required)
    : function_(function), parameters_(parameters), values_(parameters.size()) {
  if (arguments.positional.size() > parameters.size())
    fail(function_ + ": found " + std::to_string(arguments.positional.size()) +
         " arguments, expected at most " + std::to_string(parameters.size()));
  std::copy(arguments.positional.begin(), arguments.positional.end(), values_.begin());
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(parameters_.begin(), parameters_.end(), name);
    if (found == parameters_.end())
      fail(function_ + ": found the argument '" + name + "', which it does not have");
    Value& place = values_[static_cast<std::size_t>(found - parameters_.begin())];
    if (!place.is(Kind::missing))
      fail(function_ + ": found the argument '" + name + "' twice, expected once");
    place = value;
  }
  for (std::size_t i = 0; i < required; ++i)
    if (!has(i))
      fail(function_ + ": found no argument '" + std::string(parameters_[i]) + "', expected one");
}

void Bound::wrong_type(std::size_t parameter, std::string_view expected) const {
  fail(function_ + ": argument '" + std::string(parameters_[parameter]) +
       "': found a value of type " + std::string(values_[parameter].type_name()) + ", expected " +
       std::string(expected));
}

const std::string& Bound::text(std::size_t parameter) const {
  if (!values_[parameter].is(Kind::string)) wrong_type(parameter, "a string");
  return values_[parameter].bytes();
}
std::string Bound::text(std::size_t parameter, const char* otherwise) const {
  return has(parameter) ? text(parameter) : otherwise;
}
std::int64_t Bound::integer(std::size_t parameter) const {
  const auto index = index_of(values_[parameter]);
  if (!index) wrong_type(parameter, "a whole number");
  return *index;
}
std::int64_t Bound::integer(std::size_t parameter, std::int64_t otherwise) const {
  return has(parameter) ? integer(parameter) : otherwise;
}
bool Bound::truth(std::size_t parameter, bool otherwise) const {
  return has(parameter) ? values_[parameter].truth() : otherwise;
}
Value Bound::value(std::size_t parameter, const Value& otherwise) const {
  return has(parameter) ? values_[parameter] : otherwise;
}

}  // namespace limelight::stages::jinja
