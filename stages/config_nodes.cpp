#include "stages/config_nodes.hpp"

#include <algorithm>
#include <cctype>

namespace limelight::stages {

namespace {

constexpr std::size_t most_nodes = 64;
constexpr const char* name_form = "a name of letters, digits, _ and -, other than here and auto";

bool is_name(const std::string& text) {
  return !text.empty() && text != this_machine && text != "auto" &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

}  // namespace

void read_nodes(const YamlReader& reader, const YAML::Node& node, PipelineConfig& config) {
  if (!node.IsMap())
    reader.refuse(node, "nodes", YamlReader::show(node), "a map of names to HOST:PORT");
  for (const auto& item : node) {
    const auto name = reader.as<std::string>(item.first, "nodes", name_form);
    if (!is_name(name)) reader.refuse(item.first, "nodes", "'" + name + "'", name_form);
    const auto address = reader.as<std::string>(item.second, name, "HOST:PORT");
    const auto colon = address.rfind(':');
    const auto port = colon == std::string::npos || colon == 0
                          ? std::nullopt
                          : whole_number<int>(address.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535)
      reader.refuse(item.second, name, YamlReader::show(item.second),
                    "HOST:PORT, where `limelight node --listen` listens");
    if (!config.nodes.emplace(name, address).second)
      reader.refuse(item.first, "nodes", "'" + name + "' a second time", "each name once");
  }
  if (config.nodes.size() > most_nodes)
    reader.refuse(node, "nodes", std::to_string(config.nodes.size()) + " nodes",
                  std::to_string(most_nodes) + " at most");
}

void read_placement(const YamlReader& reader,
                    const YAML::Node& node,
                    const StageConfig& stage,
                    PipelineConfig& config) {
  if (!node) return;
  std::string known = this_machine;
  for (const auto& [name, address] : config.nodes) known += ", " + name;
  const auto one = [&](const YAML::Node& value) -> std::string {
    const auto name = reader.as<std::string>(value, "node", "the name of a node");
    if (name == this_machine) return "";
    if (name == "auto")
      reader.refuse(value, "node", "'auto'",
                    "the name of a node: placing by free memory is not there yet");
    if (!config.nodes.contains(name))
      reader.refuse(value, "node", "'" + name + "'", "one of " + known + " (runtime.nodes)");
    return name;
  };
  std::vector<std::string> names;
  if (node.IsSequence())
    for (const YAML::Node& item : node) names.push_back(one(item));
  else names.assign(static_cast<std::size_t>(stage.num_replicas), one(node));
  if (names.size() != static_cast<std::size_t>(stage.num_replicas))
    reader.refuse(node, "node", std::to_string(names.size()) + " names",
                  "one for each of the " + std::to_string(stage.num_replicas) +
                      " replicas, or one name for all");
  config.placement[stage.stage_id] = std::move(names);
}

std::string PipelineConfig::node_of(int stage_id, int replica) const {
  const auto at = placement.find(stage_id);
  if (at == placement.end() || replica < 0 ||
      static_cast<std::size_t>(replica) >= at->second.size())
    return "";
  return at->second[static_cast<std::size_t>(replica)];
}

}  // namespace limelight::stages
