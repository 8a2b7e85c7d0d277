// The flags of `limelight serve`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/serve_command.hpp"

namespace limelight::cli {

// Adds the command. What it reads goes to `options`, which outlives the parsing.
CLI::App* add_serve_command(CLI::App& app, ServeOptions& options);
// After the parsing: what neither the command line nor the environment says is taken of the file of
// flags, and of the defaults. Errors: those of apply_config_file().
Result<void> complete_serve_options(CLI::App& command, ServeOptions& options);
// Both at once, of a command line that is known to be one of this command. Errors: those of
// complete_serve_options(), and invalid_argument.
Result<ServeOptions> read_serve_options(int argc, char** argv);
// --log-format and --log-stats, which `limelight run` has as well.
void add_log_flags(CLI::App& command,
                   LogFormat& format,
                   bool& stats,
                   std::chrono::milliseconds& stats_interval);

}  // namespace limelight::cli
