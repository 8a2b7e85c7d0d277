// Which machines a config names, and on which of them the replicas of its stages run.
//
//   runtime:
//     nodes: {gpu2: 10.0.0.2:7420}      names, and where `limelight node` listens there
//   stage_args:
//     - node: gpu2                      all replicas; or a name for each, `here` for this machine:
//     - node: [here, gpu2]
#pragma once

#include <limelight/config.hpp>
#include <string>

#include "stages/yaml_reader.hpp"

namespace limelight::stages {

// What a config calls the orchestrator's own machine.
inline constexpr const char* this_machine = "here";

// The value of `nodes`. Throws Refusal, as all readers.
void read_nodes(const YamlReader& reader, const YAML::Node& node, PipelineConfig& config);
// The value of a stage's `node`, once all of the config is read.
void read_placement(const YamlReader& reader,
                    const YAML::Node& node,
                    const StageConfig& stage,
                    PipelineConfig& config);

}  // namespace limelight::stages
