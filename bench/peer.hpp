// A peer in Python: a script of bench/peers, by the interpreter that LIMELIGHT_PYTHON names, or python3.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace limelight::bench {

// The JSON object that the script prints; nothing where the script, or what it imports, cannot run.
std::optional<nlohmann::json> run_peer(const std::string& script, const std::vector<std::string>& arguments);

}  // namespace limelight::bench
