// Collectives of ranks that each compute on a GPU of their own, by NCCL. The ranks agree on it over
// the SharedGroup that they are in anyway.
#pragma once

#include <memory>

#include "ipc/collective.hpp"
#include "ipc/shared_group.hpp"

namespace limelight::ipc {

// The calling thread's current CUDA device is the one that this rank works on; spans lie in its
// memory. Every member calls it. Errors: unavailable (built without CUDA, NCCL cannot be loaded, or
// it refused), timeout.
Result<std::unique_ptr<Collective>> make_nccl_group(SharedGroup& members);

}  // namespace limelight::ipc
