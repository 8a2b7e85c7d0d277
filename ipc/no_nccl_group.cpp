// Replaces nccl_group.cpp in a build without CUDA.
#include "ipc/nccl_group.hpp"

namespace limelight::ipc {

Result<std::unique_ptr<Collective>> make_nccl_group(SharedGroup&) {
  return Error{ErrorCode::unavailable, "no collectives between GPUs: this build has no CUDA"};
}

}  // namespace limelight::ipc
