// The graph of a config: which ports its edges join, whether every stage can read what it is sent,
// and the order of the stages. parse() calls these functions, in this order. They throw Refusal.
#pragma once

#include <limelight/config.hpp>
#include <string>
#include <vector>

#include "stages/yaml_reader.hpp"

namespace limelight::stages {

// An edge as the file has it.
struct EdgeText {
  std::string output, input;  // names of ports; empty: none was named
  YAML::Node at;
};

// Finds the ports of each edge and of each attachment. texts: one for each edge, then one for each
// attachment. An edge that names no port joins the only pair that carries the same, and an
// attachment goes into the only input.
void connect(const YamlReader& reader, const std::vector<EdgeText>& texts, PipelineConfig& config);
// Checks the inputs of every stage, finds the outputs that go to the user and those that nobody
// reads, and sorts the stages so that each comes after its inputs. root: of the file.
void check_graph(const YamlReader& reader, const YAML::Node& root, PipelineConfig& config);
// Checks that iceoryx can hold the channels and the processes of the pipeline.
void check_limits(const YamlReader& reader, const YAML::Node& root, const PipelineConfig& config);

}  // namespace limelight::stages
