// The stages and ranks that `--profile` and `--profile-ranks` name.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// list: "all", or ids such as "0,2". Returns the ids; none: all stages. Errors: invalid_argument.
Result<std::vector<int>> read_stages(const std::string& list);
// list: numbers of ranks such as "0,2". Errors: invalid_argument.
Result<std::vector<int>> read_ranks(const std::string& list);

}  // namespace limelight::cli
