// Collectives among the ranks of one stage, through one segment of shared memory.
//
// Rank 0 creates the segment and holds a lock on it while it lives, so others can tell a segment in
// use from one that was left behind. Sums are computed in the order of ranks, so all members get
// the same bits. A waiting member spins briefly and then sleeps in the kernel; if another member
// does not come in time, it returns an error. One thread uses an object.
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
  // Every rank of the stage calls it. name: starts with "limelight-", unique to the run and stage.
  // capacity_bytes: the largest amount of data in one collective. Errors: io, unavailable (no room
  // in /dev/shm), corrupt (the segment is of a group with another size), timeout (rank 0 did not
  // create the segment in time).
  static Result<SharedGroup> join(const std::string& name,
                                  int rank,
                                  int size,
                                  std::size_t capacity_bytes,
                                  std::chrono::milliseconds timeout);
  // Of the segment.
  static std::size_t segment_bytes(int size, std::size_t capacity_bytes) noexcept;
  SharedGroup(SharedGroup&&) noexcept;
  ~SharedGroup() override;

  // Spans that exceed the capacity are summed piece by piece.
  Result<void> all_reduce_sum(std::span<float> values) override;
  // Copies `data` of rank 0 to all members. timeout 0: no limit, for a rank that waits for work.
  // Errors: too_large (more than the capacity), timeout.
  Result<void> broadcast(std::span<std::byte> data, std::chrono::milliseconds timeout);

  int rank() const noexcept override;
  int size() const noexcept override;

 private:
  struct State;
  explicit SharedGroup(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::ipc
