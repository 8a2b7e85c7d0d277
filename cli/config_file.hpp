// A file of flags (YAML): `port: 8091` is --port 8091. It counts for what neither the command line
// nor the environment says.
//
//   model: /srv/model
//   max-requests: 64            # or max_requests
//   api-key-file: [keys, more-keys]
//   log-stats: true
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// After the command was parsed. not_in_file: names of flags, such as "check", that only a command
// line has. Errors: not_found (the file cannot be read), invalid_argument (it is no YAML map, a key
// is no flag of the command, stands there twice, or its value is none of the flag: names the file,
// the line and the key).
Result<void> apply_config_file(CLI::App& command,
                               const std::filesystem::path& file,
                               const std::vector<std::string>& not_in_file);

}  // namespace limelight::cli
