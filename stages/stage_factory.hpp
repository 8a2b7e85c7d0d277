// Makes the stage that a config names.
#pragma once

#include <cstdint>
#include <limelight/stage.hpp>
#include <memory>

#include "ipc/collective.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

// device: outlives the stage. group: the ranks that share this stage, summing in the device's
// memory; null when it is alone. Errors: corrupt (the model's tokenizer); unavailable, also when
// the machine has less memory than the stage needs: with both numbers, before it is taken.
Result<std::unique_ptr<Stage>> make_stage(const StageConfig& config,
                                          Device& device,
                                          ipc::Collective* group);
// What the stage's weights take in memory, over all of its ranks, if they are dummies; weights of
// files are mapped and count as the file's.
std::uint64_t dummy_weight_bytes(const StageConfig& config);
// The largest tensor that a stage emits, in bytes: what the channel and the broker's pools are
// sized for.
std::uint64_t max_output_bytes(const StageConfig& config);

}  // namespace limelight::stages
