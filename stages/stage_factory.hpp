// Makes the stage that a config names.
#pragma once

#include <cstdint>
#include <limelight/stage.hpp>
#include <memory>

#include "ipc/collective.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

// device: outlives the stage. group: the ranks that share this stage, summing in the device's
// memory; null when it is alone. Errors: unavailable, corrupt (the model's tokenizer).
Result<std::unique_ptr<Stage>> make_stage(const StageConfig& config,
                                          Device& device,
                                          ipc::Collective* group);
// The largest tensor that a stage emits to a port, in bytes: what the channel and the broker's
// pools are sized for.
std::uint64_t max_output_bytes(const StageConfig& config, Port port);

}  // namespace limelight::stages
