// A pipeline in words: `limelight run --check` prints it.
#pragma once

#include <limelight/config.hpp>
#include <string>

namespace limelight::cli {

// A line for each stage, what was ignored of a deploy config and why, and the stage config that was
// made, if one was.
std::string describe(const stages::PipelineConfig& config);

}  // namespace limelight::cli
