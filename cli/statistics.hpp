// What the stages and transfers of some requests took, as a table.
#pragma once

#include <limelight/request.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// The table of stages, transfers and totals.
std::string statistics_table(const std::vector<RequestOutput>& outputs, double wall_ms);

}  // namespace limelight::cli
