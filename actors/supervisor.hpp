// The profiling supervisor: turns "these stages" into messages to their ranks, and their answers into one.
//
// It knows the ranks that joined. One profile runs at a time; starting or stopping twice is harmless and said in the answer's note.
#pragma once

#include <map>
#include <memory>

#include "actors/protocol.hpp"

namespace limelight::actors {

struct SupervisorState {
  std::map<int, Join> ranks;
  std::vector<int> running;  // ranks whose trace runs
  std::string directory;
};
SupervisorActor::behavior_type profiling_supervisor(SupervisorActor::stateful_pointer<SupervisorState> self);

}  // namespace limelight::actors
