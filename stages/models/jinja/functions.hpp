// The functions that every template can call: range, dict, namespace, cycler, joiner, and what
// transformers adds: raise_exception and strftime_now.
#pragma once

#include <string>
#include <unordered_map>

#include "stages/models/jinja/object.hpp"

namespace limelight::stages::jinja {

void add_global_functions(std::unordered_map<std::string, Value>& out);

}  // namespace limelight::stages::jinja
