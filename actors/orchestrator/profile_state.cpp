#include "actors/orchestrator/profile_state.hpp"

#include <algorithm>
#include <utility>

namespace limelight::actors {

namespace {

template <class List>
bool has(const List& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

ProfileDecision refuse(Error refusal) {
  return {.kind = ProfileDecision::Kind::refuse, .refusal = std::move(refusal)};
}

Error invalid(std::string text) {
  return {.code = ErrorCode::invalid_argument, .message = std::move(text)};
}

}  // namespace

void ProfileState::add_rank(int rank, int stage) {
  lose_rank(rank);  // the process that was there before, if any, is no longer asked
  stages_[rank] = stage;
  gone_.erase(rank);
}

bool ProfileState::resumes(int rank) const {
  return lost_.contains(rank) && !is_gone(rank) && !running_.contains(rank) &&
         (phase_ == ProfilePhase::running || phase_ == ProfilePhase::idle);
}

bool ProfileState::resumed(int rank) {
  if (!resumes(rank)) return false;
  running_.insert(rank);
  settle();
  return true;
}

bool ProfileState::lose_rank(int rank) {
  if (!stages_.contains(rank) || !gone_.insert(rank).second) return false;
  if (running_.erase(rank) > 0) lost_.insert(rank);
  if (phase_ == ProfilePhase::running) settle();
  return true;
}

ProfileDecision ProfileState::start(const ProfileChoice& choice) {
  if (Error error = unknown(choice, "cannot profile"); error.code != ErrorCode::none)
    return refuse(std::move(error));
  const std::vector<int> ranks = chosen(choice);
  if (Error error = busy(choice, ranks); error.code != ErrorCode::none)
    return refuse(std::move(error));
  if (ranks.empty())
    return refuse(
        invalid("cannot profile: none of the ranks asked for is of the stages asked for"));
  if (phase_ == ProfilePhase::starting) return {.kind = ProfileDecision::Kind::join};
  if (phase_ == ProfilePhase::idle) lost_.clear();
  starting_ = {ranks.begin(), ranks.end()};
  run_id_ = choice.run_id;
  phase_ = ProfilePhase::starting;
  return {.kind = ProfileDecision::Kind::ask, .ranks = ranks};
}

void ProfileState::started() {
  for (const int rank : std::exchange(starting_, {}))
    if (!is_gone(rank)) running_.insert(rank);
  settle();
}

std::vector<int> ProfileState::start_failed() {
  std::vector<int> fresh;
  for (const int rank : starting_)
    if (!running_.contains(rank) && !is_gone(rank)) fresh.push_back(rank);
  return fresh;
}

void ProfileState::taken_back() {
  starting_.clear();
  settle();
}

ProfileDecision ProfileState::stop(const std::vector<std::int32_t>& stages) {
  if (!stages.empty())
    if (Error error =
            unknown({.run_id = {}, .stages = stages, .ranks = {}}, "cannot stop the profile of");
        error.code != ErrorCode::none)
      return refuse(std::move(error));
  if (phase_ == ProfilePhase::starting) return {.kind = ProfileDecision::Kind::defer};
  const std::set<int> chosen = of_stages(running_, stages);
  if (phase_ == ProfilePhase::stopping) {
    const bool same =
        std::includes(stopping_.begin(), stopping_.end(), chosen.begin(), chosen.end());
    return {.kind = same ? ProfileDecision::Kind::join : ProfileDecision::Kind::defer};
  }
  if (chosen.empty() && of_stages(lost_, stages).empty())
    return {.kind = ProfileDecision::Kind::nothing};
  phase_ = ProfilePhase::stopping;
  stopping_ = chosen;
  stopping_stages_ = stages;
  return {.kind = ProfileDecision::Kind::ask, .ranks = {chosen.begin(), chosen.end()}};
}

std::set<int> ProfileState::stopped() {
  for (const int rank : std::exchange(stopping_, {})) running_.erase(rank);
  settle();
  const std::set<int> told = of_stages(lost_, std::exchange(stopping_stages_, {}));
  for (const int rank : told) lost_.erase(rank);
  return told;
}

std::vector<int> ProfileState::ranks() const {
  std::vector<int> all;
  for (const auto& [rank, stage] : stages_) all.push_back(rank);
  return all;
}

// The ranks or stages that are not there, if any.
Error ProfileState::unknown(const ProfileChoice& choice, const char* cannot) const {
  const std::string begin = cannot;
  if (stages_.empty()) return invalid(begin + ": no rank has joined");
  std::set<int> known;
  for (const auto& [rank, stage] : stages_) known.insert(stage);
  for (const int stage : choice.stages) {
    if (known.contains(stage)) continue;
    std::string all;
    for (const int one : known) all += (all.empty() ? "" : ", ") + std::to_string(one);
    return invalid(begin + " stage " + std::to_string(stage) + ": the stages are " + all);
  }
  for (const int rank : choice.ranks)
    if (!stages_.contains(rank))
      return invalid(begin + " rank " + std::to_string(rank) + ": the ranks are 0 to " +
                     std::to_string(stages_.rbegin()->first));
  return {.code = ErrorCode::none, .message = {}};
}

// What is under way and leaves no room for this start, if anything.
Error ProfileState::busy(const ProfileChoice& choice, const std::vector<int>& chosen) const {
  const bool same = choice.run_id == run_id_;
  std::string does, advice;
  if (phase_ == ProfilePhase::running && !same) {
    does = "running", advice = "stop it first";
  } else if (phase_ == ProfilePhase::stopping) {
    does = "stopping", advice = "start again once it has stopped";
  } else if (phase_ == ProfilePhase::starting && !same) {
    does = "starting", advice = "stop it first";
  } else if (phase_ == ProfilePhase::starting &&
             !std::all_of(chosen.begin(), chosen.end(),
                          [this](int rank) { return starting_.contains(rank); })) {
    does = "starting", advice = "start its other ranks once it has started";
  } else {
    return {.code = ErrorCode::none, .message = {}};
  }
  return {.code = ErrorCode::busy,
          .message = "a profile is " + does +
                     (run_id_.empty() ? "" : ", of run '" + run_id_ + "'") + ": " + advice};
}

std::vector<int> ProfileState::chosen(const ProfileChoice& choice) const {
  std::vector<int> ranks;
  for (const auto& [rank, stage] : stages_)
    if ((choice.ranks.empty() || has(choice.ranks, rank)) &&
        (choice.stages.empty() || has(choice.stages, stage)))
      ranks.push_back(rank);
  return ranks;
}

std::set<int> ProfileState::of_stages(const std::set<int>& ranks,
                                      const std::vector<std::int32_t>& stages) const {
  std::set<int> those;
  for (const int rank : ranks)
    if (stages.empty() || has(stages, stage_of(rank))) those.insert(rank);
  return those;
}

void ProfileState::settle() {
  phase_ = running_.empty() ? ProfilePhase::idle : ProfilePhase::running;
}

}  // namespace limelight::actors
