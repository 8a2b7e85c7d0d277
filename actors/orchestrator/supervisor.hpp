// The profiling supervisor: turns "these stages" into messages to their ranks, and their answers
// into one.
//
// What it decides is in ProfileState; here is who is asked, who waits, and what they are answered.
// Invariant: when an answer leaves, the state is what the answer says. A start that failed on some
// rank is taken back on all before it is answered: no rank records that did not before, and no file
// is left of it. A stop answers with the files of all ranks that have one, and with the errors of
// the others. Who asks for what is under way already gets the same answer; a stop during a start,
// or during the stop of other stages, waits for it. A rank whose process ended answers with an
// error at once, also what it was asked before, so nobody waits for it. If a process takes its
// place while the run goes on, that one records from then on, and the answer to the stop says so.
//
// It is a broker only to run on the thread of the network, where the answers arrive, so nothing
// that it does takes long. Everything here runs on that thread.
#pragma once

#include <caf/io/all.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "actors/orchestrator/profile_state.hpp"
#include "actors/pipeline/protocol.hpp"

namespace limelight::actors {

struct SupervisorState {
  // One message to several ranks.
  struct Question {
    std::set<int> left;  // ranks that have not answered
    std::vector<RankTrace> answers;
    std::function<void(std::vector<RankTrace>)> done;  // sorted by rank; called once
  };
  using Promises = std::vector<caf::typed_response_promise<ProfileAnswer>>;

  ProfileState profile;
  std::map<int, Join> ranks;
  StartTrace last_start;  // what a process is told that takes the place of another
  std::map<std::uint64_t, Question> questions;
  std::uint64_t next_question = 0;
  Promises starts, stops;  // who waits for the start, and for the stop, that is under way
  struct DeferredStop {
    StopProfile request;
    caf::typed_response_promise<ProfileAnswer> promise;
  };
  std::vector<DeferredStop> deferred_stops;  // until what is under way is settled
};

SupervisorActor::behavior_type profiling_supervisor(
    SupervisorActor::stateful_broker_pointer<SupervisorState> self);
// The same on CAF's scheduler, which tests can step through.
SupervisorActor::behavior_type scheduled_profiling_supervisor(
    SupervisorActor::stateful_pointer<SupervisorState> self);

}  // namespace limelight::actors
