// Peers that are programs of their own. They measure themselves and print a JSON object.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace limelight::bench {

// Runs a script of bench/peers with python3, or the interpreter that LIMELIGHT_PYTHON names, and
// returns the JSON object that it prints. Empty if the script or what it imports is missing.
std::optional<nlohmann::json> run_peer(const std::string& script,
                                       const std::vector<std::string>& arguments);

// Measures a span of the LTTng-UST tracer, in a session of its own: {"span_ns": ...}. Empty if
// LTTng was missing when this was built, or cannot run.
std::optional<nlohmann::json> run_lttng();

}  // namespace limelight::bench
