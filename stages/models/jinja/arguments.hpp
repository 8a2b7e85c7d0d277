// Matches the arguments of a call with the parameters of a function, method, filter or test.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "stages/models/jinja/object.hpp"

namespace limelight::stages::jinja {

class Bound {
 public:
  // function: for error messages. The first `required` parameters must be given. Throws a Failure
  // at an argument too many or too few, or one that is not known.
  Bound(std::string_view function,
        const Arguments& arguments,
        std::initializer_list<std::string_view> parameters,
        std::size_t required = 0);

  // Missing: it was not given.
  const Value& operator[](std::size_t parameter) const { return values_[parameter]; }
  bool has(std::size_t parameter) const { return !values_[parameter].is(Kind::missing); }
  bool has_value(std::size_t parameter) const {  // given, and not none
    return has(parameter) && !values_[parameter].is(Kind::none);
  }
  // Throw a Failure if the argument has another type.
  const std::string& text(std::size_t parameter) const;
  std::string text(std::size_t parameter, const char* otherwise) const;
  std::int64_t integer(std::size_t parameter) const;
  std::int64_t integer(std::size_t parameter, std::int64_t otherwise) const;
  bool truth(std::size_t parameter, bool otherwise = false) const;
  Value value(std::size_t parameter, const Value& otherwise) const;

 private:
  [[noreturn]] void wrong_type(std::size_t parameter, std::string_view expected) const;
  std::string function_;
  std::vector<std::string_view> parameters_;
  std::vector<Value> values_;
};

}  // namespace limelight::stages::jinja
