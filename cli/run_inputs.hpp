// What `limelight run` reads before it starts a pipeline: the prompts and the list of stages.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// Reads one JSON object with the key "prompt" from each line that is not empty. Errors: not_found,
// invalid_argument (names the line).
Result<std::vector<std::string>> read_prompts(const std::filesystem::path& file);

// The stages of --profile. list: "all" or ids such as "0,2". An empty result means all stages.
// Errors: invalid_argument.
Result<std::vector<int>> read_stages(const std::string& list);

}  // namespace limelight::cli
