// The variables of a rendering as values.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <unordered_map>

#include "stages/models/jinja/value.hpp"

namespace limelight::stages::jinja {

// variables: an object; its members hide what has the same name. Throws a Failure if it is none, or
// if it is nested too deeply.
void add_variables(const nlohmann::ordered_json& variables,
                   std::unordered_map<std::string, Value>& out);

}  // namespace limelight::stages::jinja
