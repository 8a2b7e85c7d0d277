// Collectives among ranks that have a GPU each, by NCCL. The ranks exchange NCCL's id through the
// SharedGroup that they belong to anyway.
#pragma once

#include <memory>

#include "ipc/collective.hpp"
#include "ipc/shared_group.hpp"

namespace limelight::ipc {

// Every member calls it. The current CUDA device of the calling thread must be the one that the
// rank works on; spans are in its memory. Errors: unavailable (built without CUDA, NCCL cannot be
// loaded, or NCCL failed), timeout.
Result<std::unique_ptr<Collective>> make_nccl_group(SharedGroup& members);

}  // namespace limelight::ipc
