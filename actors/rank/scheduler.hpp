// Chooses which requests of a rank take part in the next step, and how much of each (continuous
// batching, Yu et al. 2022, with chunked prefill).
//
//   1. Every request that decodes takes part, in the order of arrival, up to Limits::requests.
//   2. What is left of Limits::tokens goes to prompts, in the order of arrival: the first one gets
//      as much as there is. So a long prompt is computed in slices, beside the decoding of others.
//   3. A request whose memory cannot be reserved preempts the newest request that came after it. If
//      there is none, it waits for those before it. A prompt preempts only if nothing else can run.
//
// The oldest request always goes on, so every request ends. One thread uses a scheduler.
#pragma once

#include <cstdint>
#include <limelight/stage.hpp>
#include <set>
#include <vector>

namespace limelight::actors {

// What is done to a stage, in this order on every rank of it. In a group the first rank decides and
// the others repeat it, failed reservations too: a stage may have looked for what it kept before.
// The chunk of a consume is told behind the list; a stage does no collectives while it consumes.
struct Action {
  enum class Kind : std::uint32_t { end_rank, begin, cancel, consume, reserve, preempt, turn } kind;
  std::uint32_t tokens = 0;  // of reserve and turn
  std::uint64_t request = 0;
  bool operator==(const Action&) const = default;
};

class Scheduler {
 public:
  struct Limits {
    int requests = 1, tokens = 1;  // in one step
  };
  explicit Scheduler(Limits limits) : limits_(limits) {}

  void add(std::uint64_t request) { requests_.push_back(request); }
  void remove(std::uint64_t request);
  // It found no input in its last step. More input has come.
  void starve(std::uint64_t request) { starved_.insert(request); }
  void feed(std::uint64_t request) { starved_.erase(request); }

  // Calls reserve() and preempt() of the stage, and appends these calls and the turns of the next
  // step to `actions`. Without a turn there is nothing to do until a request or input comes.
  void plan(stages::Stage& stage, std::vector<Action>& actions);

 private:
  struct Step;
  bool make_room(Step& step, std::size_t at, int tokens, bool may_preempt);

  Limits limits_;
  std::vector<std::uint64_t> requests_;  // in the order of arrival
  std::set<std::uint64_t> starved_;
  std::set<std::uint64_t> holding_;  // have memory of the stage
};

}  // namespace limelight::actors
