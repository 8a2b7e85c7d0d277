// Peers that are programs of their own: they measure themselves and print a JSON object.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace limelight::bench {

// The JSON object that a script of bench/peers prints, run by the interpreter that LIMELIGHT_PYTHON
// names, or python3; nothing where the script, or what it imports, cannot run.
std::optional<nlohmann::json> run_peer(const std::string& script,
                                       const std::vector<std::string>& arguments);

// A span by LTTng-UST's tracer, into a session of its own: {"span_ns": ...}. Nothing where LTTng
// was not there when this was built, or cannot run.
std::optional<nlohmann::json> run_lttng();

}  // namespace limelight::bench
