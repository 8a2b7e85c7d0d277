// The tests: value is name(arguments).
#pragma once

#include <string_view>

#include "stages/models/jinja/syntax.hpp"

namespace limelight::stages::jinja {

// nullptr: there is none of this name.
Test find_test(std::string_view name);

}  // namespace limelight::stages::jinja
