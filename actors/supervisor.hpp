// The profiling supervisor: turns "these stages" into messages to their ranks, and their answers into one.
//
// It knows the ranks that joined. One profile runs at a time; starting or stopping twice is harmless and said in the answer's note. Another run id than
// that of the profile that runs is refused as busy.
#pragma once

#include <map>
#include <memory>

#include "actors/protocol.hpp"

namespace limelight::actors {

struct SupervisorState {
  std::map<int, Join> ranks;
  std::vector<int> running;  // ranks whose trace runs
  std::string run_id, directory;
};
SupervisorActor::behavior_type profiling_supervisor(SupervisorActor::stateful_pointer<SupervisorState> self);

}  // namespace limelight::actors
