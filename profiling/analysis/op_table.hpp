// The table of operations in the layout that users of PyTorch know. It is used by the text file of
// a stage's profile and by `limelight trace summary`.
#pragma once

#include <string>
#include <vector>

#include "profiling/trace/session_options.hpp"

namespace limelight::profiling {

// Adds up rows of the same name and sorts by self time, largest first.
std::string op_table(const std::vector<OpTotal>& ops);

}  // namespace limelight::profiling
