// Reads one stage of a config: its type, its engine's arguments, its model and the defaults of its
// requests' sampling parameters. parse() calls it. It throws Refusal.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <memory>
#include <string>

#include "stages/yaml_reader.hpp"

namespace limelight::stages {

// A model that was opened before, and how the config names it.
struct OpenedModel {
  std::string name = {};
  std::shared_ptr<const ModelFile> file = {};  // nullptr: there is none
};

// node: an item of stage_args. rank_executable: the program that is asked for the ports of a type
// that is not built in; empty: limelight-rank. opened: a model that is open already, for the stages
// that name its path; nullptr: none.
StageConfig read_stage(const YamlReader& reader,
                       const YAML::Node& node,
                       const std::filesystem::path& rank_executable,
                       const OpenedModel& opened);

}  // namespace limelight::stages
