// How the first rank of a replica tells the others what is done next, so that all do the same in
// the same order.
#pragma once

#include <limelight/result.hpp>
#include <vector>

#include "actors/rank/scheduler.hpp"
#include "ipc/shared_group.hpp"

namespace limelight::actors {

// On the first rank. Errors: timeout (another rank did not come for it).
Result<void> send_actions(ipc::SharedGroup& group, const std::vector<Action>& actions);
// On the others: waits for the next actions. False: the group is no more.
bool receive_actions(ipc::SharedGroup& group, std::vector<Action>& actions);

}  // namespace limelight::actors
