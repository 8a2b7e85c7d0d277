// The table of operations that PyTorch's users know, for the per-stage text file and for `limelight
// trace summary` alike.
#pragma once

#include <string>
#include <vector>

#include "profiling/session.hpp"

namespace limelight::profiling {

// Rows of the same name are added up; largest self time first.
std::string op_table(const std::vector<OpTotal>& ops);

}  // namespace limelight::profiling
