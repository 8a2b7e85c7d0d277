// The flags of `limelight run` that say how tokens are chosen.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/run_command.hpp"

namespace limelight::cli {

// Adds them to the command; what they set goes to options.sampling. Both must outlive the parsing.
void add_sampling_flags(CLI::App& command, RunOptions& options);

}  // namespace limelight::cli
