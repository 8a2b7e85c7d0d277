// The profiling supervisor: turns "these stages" into messages to their ranks, and their answers
// into one.
//
// It knows the ranks that joined, and which of them are gone: those answer with an error at once,
// also what they were asked before. One profile runs at a time; starting or stopping twice is
// harmless and said in the answer's note. Another run id than that of the profile that runs is
// refused as busy. It is a broker only to run on the thread of the network, where the answers
// arrive, so nothing that it does takes long.
#pragma once

#include <caf/io/all.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "actors/protocol.hpp"

namespace limelight::actors {

struct SupervisorState {
  std::map<int, Join> ranks;
  std::set<int> gone;                                 // ranks whose process ended
  std::multimap<int, std::function<void()>> on_gone;  // by rank: answers that will not come then
  std::size_t asked = 0;                              // questions that are not answered yet
  std::vector<int> running;                           // ranks whose trace runs
  std::string run_id;
};
SupervisorActor::behavior_type profiling_supervisor(
    SupervisorActor::stateful_broker_pointer<SupervisorState> self);

}  // namespace limelight::actors
