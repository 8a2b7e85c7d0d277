// Collectives of the ranks that share one stage. SharedGroup does them in the host's memory,
// NcclGroup in that of GPUs.
//
// Every member calls the same collectives in the same order, from one thread.
#pragma once

#include <limelight/result.hpp>
#include <span>

namespace limelight::ipc {

class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const noexcept = 0;
  virtual int size() const noexcept = 0;
  // values, in the memory that this collective works on, become the sum over all members. Errors:
  // timeout (a peer did not come).
  virtual Result<void> all_reduce_sum(std::span<float> values) = 0;
};

}  // namespace limelight::ipc
