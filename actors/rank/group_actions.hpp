// How the first rank of a replica tells the others what is done next, so that all do the same in
// the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <vector>

#include "actors/rank/scheduler.hpp"
#include "ipc/shared_group.hpp"

namespace limelight::actors {

// What the first rank received of an input: it alone has channels.
struct ToldChunk {
  std::int32_t input = 0;
  bool last = false;
  ipc::TensorSpec tensor = {};
  std::vector<std::byte> data = {};
};

// On the first rank. chunks: those of the consume actions, in their order. Errors: timeout (another
// rank did not come for it).
Result<void> send_actions(ipc::SharedGroup& group,
                          const std::vector<Action>& actions,
                          std::vector<ToldChunk> chunks = {});
// On the others: waits for the next actions. False: the group is no more.
bool receive_actions(ipc::SharedGroup& group,
                     std::vector<Action>& actions,
                     std::vector<ToldChunk>& chunks);

}  // namespace limelight::actors
