// The statistics of some requests as a table.
#pragma once

#include <limelight/request.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// A table of stages, transfers and totals. wall_ms: the time that all requests took together.
std::string statistics_table(const std::vector<RequestOutput>& outputs, double wall_ms);

}  // namespace limelight::cli
