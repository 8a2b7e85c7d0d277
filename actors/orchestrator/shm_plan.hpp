// What a pipeline puts into /dev/shm beside the broker, and how much of it the flight recorders may
// have where there is little.
#pragma once

#include <cstddef>
#include <limelight/config.hpp>
#include <vector>

#include "base/shm_budget.hpp"

namespace limelight::actors {

// The least: with flight recorders that keep half of their records. flight: whether there are any.
std::vector<ShmNeed> needs_beside_broker(const stages::PipelineConfig& config, bool flight);

// How many records each rank's flight recorder keeps: all that it is made for, or, where /dev/shm
// has no room for that now, as many as fit; then the log says so.
std::size_t flight_records(const stages::PipelineConfig& config);

}  // namespace limelight::actors
