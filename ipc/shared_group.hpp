// Collectives of the ranks of one stage, through one shared-memory segment.
//
// Rank 0 creates the segment and holds a lock on it for life, so that whoever comes later can tell
// a segment in use from one left behind. Sums are taken in rank order, so all members get the same
// bits. A member that waits spins briefly and then sleeps in the kernel; it gives up with an error
// when a peer does not come in time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ipc/collective.hpp"

namespace limelight::ipc {

class SharedGroup final : public Collective {
 public:
  // name: starts with "limelight-", unique to the run and stage. capacity_bytes: the largest
  // payload of one collective. Errors: io, unavailable (no room in /dev/shm), timeout (rank 0 did
  // not create the segment in time).
  static Result<SharedGroup> join(const std::string& name,
                                  int rank,
                                  int size,
                                  std::size_t capacity_bytes,
                                  std::chrono::milliseconds timeout);
  // Of the segment.
  static std::size_t segment_bytes(int size, std::size_t capacity_bytes) noexcept;
  SharedGroup(SharedGroup&&) noexcept;
  ~SharedGroup() override;

  // Spans larger than the capacity go in pieces.
  Result<void> all_reduce_sum(std::span<float> values) override;
  // data of rank 0 reaches everyone; at most the capacity. A rank that waits for work waits as long
  // as it must: timeout 0 is no limit.
  Result<void> broadcast(std::span<std::byte> data, std::chrono::milliseconds timeout);

  int rank() const noexcept override;
  int size() const noexcept override;

 private:
  struct State;
  explicit SharedGroup(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::ipc
