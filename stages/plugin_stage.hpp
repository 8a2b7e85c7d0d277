// The stage types of plug-ins, for the code that knows stage types only by the table: the config,
// the graph and the ranks.
#pragma once

#include "stages/plugin_description.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

// Makes a type of one stage of the config. Its make() loads the library into the calling process.
StageType stage_type_of(PluginStage stage, PluginDescription description);

}  // namespace limelight::stages
