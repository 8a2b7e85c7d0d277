// Makes the stage that a config names, by the table of stage types. RankWorker calls this once,
// while the rank starts.
#pragma once

#include <cstdint>
#include <limelight/stage.hpp>
#include <memory>

#include "ipc/collective.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

// device: must outlive the stage. group: the ranks that share the stage; it sums in the device's
// memory. nullptr if the stage has one rank. Errors: invalid_argument (no such stage type), corrupt
// (the tokenizer of a model from files); unavailable, also when the machine has less memory than
// the stage needs: with both numbers, before it is allocated.
Result<std::unique_ptr<Stage>> make_stage(const StageConfig& config,
                                          Device& device,
                                          ipc::Collective* group);
// The size in bytes of the largest tensor that a stage emits to an output. Channels and the
// broker's pools are sized for it.
std::uint64_t max_output_bytes(const StageConfig& config, int output);

}  // namespace limelight::stages
