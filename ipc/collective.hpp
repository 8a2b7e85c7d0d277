// Collectives among the ranks that share one stage. SharedGroup computes them in the host's memory,
// NcclGroup in the memory of GPUs.
//
// All members must call the same collectives in the same order. A member uses one thread.
#pragma once

#include <limelight/result.hpp>
#include <span>

namespace limelight::ipc {

class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const noexcept = 0;
  virtual int size() const noexcept = 0;
  // Replaces `values`, in the memory that this collective works on, by the sum over all members.
  // Errors: timeout (a member did not call it in time).
  virtual Result<void> all_reduce_sum(std::span<float> values) = 0;
};

}  // namespace limelight::ipc
