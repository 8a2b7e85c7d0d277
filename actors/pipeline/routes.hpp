// Which stages a request needs.
#pragma once

#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::actors {

// By the places of the stages in the config.
struct Needs {
  std::vector<bool> stages;   // that take part
  std::vector<bool> to_user;  // whose output for the user is wanted
};

// modalities: the kinds of output that are wanted; none: all, and every stage takes part. Otherwise
// those take part from which a wanted output can be reached. Errors: invalid_argument (no stage has
// such an output).
Result<Needs> needs_of(const stages::PipelineConfig& config,
                       const std::vector<std::string>& modalities);

// Whether requests enter there: no edge ends at it.
bool is_entry(const stages::PipelineConfig& config, int stage_id);

}  // namespace limelight::actors
