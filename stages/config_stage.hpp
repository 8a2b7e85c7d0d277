// Reads one stage of a config: its type, its engine's arguments, its model and the defaults of its
// requests' sampling parameters. parse() calls it. It throws Refusal.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>

#include "stages/yaml_reader.hpp"

namespace limelight::stages {

// node: an item of stage_args. rank_executable: the program that is asked for the ports of a type
// that is not built in; empty: limelight-rank.
StageConfig read_stage(const YamlReader& reader,
                       const YAML::Node& node,
                       const std::filesystem::path& rank_executable);

}  // namespace limelight::stages
