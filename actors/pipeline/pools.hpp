// How much shared memory a pipeline needs, from its config alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limelight/config.hpp>
#include <vector>

#include "ipc/iceoryx/broker.hpp"

namespace limelight::actors {

// The pools of all channels; pools.cpp says how many chunks of which size, and why they suffice.
std::vector<ipc::Pool> pools_for(const stages::PipelineConfig& config);

// The largest payload of one collective of a stage's ranks.
std::size_t collective_bytes(const stages::StageConfig& stage);
// What the collectives of all stages take of /dev/shm.
std::uint64_t collectives_bytes(const stages::PipelineConfig& config);

}  // namespace limelight::actors
