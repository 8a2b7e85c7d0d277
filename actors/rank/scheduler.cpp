#include "actors/rank/scheduler.hpp"

#include <algorithm>

namespace limelight::actors {

struct Scheduler::Step {
  stages::Stage& stage;
  std::vector<Action>& actions;
  int turns = 0, tokens_left;
  bool preempted = false;
};

void Scheduler::remove(std::uint64_t request) {
  std::erase(requests_, request);
  starved_.erase(request);
  holding_.erase(request);
}

bool Scheduler::make_room(Step& step, std::size_t at, int tokens, bool may_preempt) {
  const std::uint64_t request = requests_[at];
  for (std::size_t victim = requests_.size();;) {
    step.actions.push_back({Action::Kind::reserve, static_cast<std::uint32_t>(tokens), request});
    if (step.stage.reserve(request, tokens)) {
      holding_.insert(request);
      return true;
    }
    if (!may_preempt) return false;
    do --victim;
    while (victim > at && !holding_.contains(requests_[victim]));
    if (victim <= at) return false;
    step.stage.preempt(requests_[victim]);
    step.actions.push_back({Action::Kind::preempt, 0, requests_[victim]});
    holding_.erase(requests_[victim]);
    step.preempted = true;
  }
}

void Scheduler::plan(stages::Stage& stage, std::vector<Action>& actions) {
  Step step{.stage = stage, .actions = actions, .tokens_left = limits_.tokens};
  std::vector<Action> turns;
  for (const bool prompts : {false, true})
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (step.turns == limits_.requests || step.tokens_left <= 0) break;
      const std::uint64_t request = requests_[i];
      if (starved_.contains(request)) continue;
      const stages::Demand demand = stage.demand(request);
      if (demand.tokens <= 0 || demand.divisible != prompts) continue;
      const int tokens =
          demand.divisible ? std::min(demand.tokens, step.tokens_left) : demand.tokens;
      // What is not divisible and too large for what is left comes in a step of its own.
      if (tokens > step.tokens_left && step.turns > 0) continue;
      // Memory that was just taken from a request is not given to a prompt, unless nothing else
      // can run.
      if (prompts && step.preempted && step.turns > 0) break;
      if (!make_room(step, i, tokens, !prompts || step.turns == 0)) {
        if (prompts) break;
        continue;
      }
      turns.push_back({Action::Kind::turn, static_cast<std::uint32_t>(tokens), request});
      ++step.turns;
      step.tokens_left -= tokens;
    }
  actions.insert(actions.end(), turns.begin(), turns.end());
}

}  // namespace limelight::actors
