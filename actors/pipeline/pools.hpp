// How much shared memory a pipeline needs, from its config alone.
#pragma once

#include <limelight/config.hpp>
#include <vector>

#include "ipc/iceoryx/broker.hpp"

namespace limelight::actors {

// Each channel: its window, what the consumer holds, and the loans of the producer; in a small, a
// middle and a full-size pool.
std::vector<ipc::Pool> pools_for(const stages::PipelineConfig& config);

}  // namespace limelight::actors
