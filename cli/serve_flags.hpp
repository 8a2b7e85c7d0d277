// The flags of `limelight serve`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/serve_command.hpp"

namespace limelight::cli {

// Adds the command. What it reads goes to `options`, which outlives the parsing.
CLI::App* add_serve_command(CLI::App& app, ServeOptions& options);

}  // namespace limelight::cli
