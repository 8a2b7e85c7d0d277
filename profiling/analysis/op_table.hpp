// The table of operations, in the layout of PyTorch's profiler. The text file of a stage's profile
// and `limelight trace summary` use it.
#pragma once

#include <string>
#include <vector>

#include "profiling/trace/session_options.hpp"

namespace limelight::profiling {

// Sums rows of the same name and sorts them by self time, largest first.
std::string op_table(const std::vector<OpTotal>& ops);
// The same for what is not time of a CPU's threads: its percentages are of its own sum. what: such
// as "Device".
std::string time_table(const char* what, const std::vector<OpTotal>& ops);

}  // namespace limelight::profiling
