#include "actors/orchestrator/supervisor.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <utility>

#include "profiling/record/clock.hpp"
#include "profiling/trace/session_options.hpp"

namespace limelight::actors {

namespace {

using Kind = ProfileDecision::Kind;
using Promise = caf::typed_response_promise<ProfileAnswer>;
using Answers = std::vector<RankTrace>;

constexpr std::chrono::seconds answer_timeout{30}, take_back_timeout{20};

RankTrace failed_answer(const SupervisorState& state, int rank, std::string why) {
  RankTrace answer;
  answer.rank = rank;
  answer.stage_id = state.profile.stage_of(rank);
  answer.error = {ErrorCode::rank_failed, std::move(why)};
  return answer;
}

RankTrace no_answer(const SupervisorState& state, int rank) {
  return failed_answer(state, rank, "did not answer the profiling supervisor");
}

void sort_by_rank(Answers& answers) {
  std::sort(answers.begin(), answers.end(),
            [](const RankTrace& a, const RankTrace& b) { return a.rank < b.rank; });
}

// A line for each cause, with the ranks that name it.
std::string describe_errors(const Answers& answers) {
  std::vector<std::pair<std::string, std::vector<int>>> causes;
  for (const RankTrace& rank : answers) {
    if (rank.error.code == ErrorCode::none) continue;
    const auto known = std::find_if(causes.begin(), causes.end(), [&](const auto& cause) {
      return cause.first == rank.error.message;
    });
    if (known == causes.end()) causes.push_back({rank.error.message, {rank.rank}});
    else known->second.push_back(rank.rank);
  }
  std::string lines;
  for (const auto& [cause, ranks] : causes) {
    std::string who;
    for (const int rank : ranks) who += (who.empty() ? "" : ", ") + std::to_string(rank);
    lines += (lines.empty() ? "" : "\n") + std::string(ranks.size() == 1 ? "rank " : "ranks ") +
             who + ": " + cause;
  }
  return lines;
}

// One answer of many: the last error and note stand for all, and each cause is named.
ProfileAnswer summary(Answers answers) {
  ProfileAnswer all;
  for (const RankTrace& rank : answers) {
    if (rank.error.code != ErrorCode::none) all.error.code = rank.error.code;
    if (!rank.note.empty()) all.note = rank.note;
  }
  all.error.message = describe_errors(answers);
  all.ranks = std::move(answers);
  return all;
}

ProfileAnswer refused(const Error& error) {
  ProfileAnswer answer;
  answer.error = error;
  return answer;
}

std::string absolute(const std::string& directory) {
  std::error_code failed;
  return std::filesystem::absolute(directory, failed).string();
}

void deliver(SupervisorState::Promises& waiting, const ProfileAnswer& answer) {
  for (Promise& promise : std::exchange(waiting, {})) promise.deliver(answer);
}

// Counts one rank's answer to a question, unless it came too late to count.
void count(SupervisorState& state, std::uint64_t number, int rank, RankTrace answer) {
  const auto at = state.questions.find(number);
  if (at == state.questions.end() || at->second.left.erase(rank) == 0) return;
  at->second.answers.push_back(std::move(answer));
  if (!at->second.left.empty()) return;
  SupervisorState::Question question = std::move(at->second);
  state.questions.erase(at);
  sort_by_rank(question.answers);
  question.done(std::move(question.answers));
}

// Asks each rank; calls done once all have answered, or failed to. That may be before this returns.
template <class Self, class Message>
void ask(Self self,
         const std::vector<int>& ranks,
         const Message& message,
         std::chrono::seconds timeout,
         std::function<void(Answers)> done) {
  if (ranks.empty()) return done({});
  SupervisorState& state = self->state;
  const std::uint64_t number = state.next_question++;
  state.questions[number] = {
      .left = {ranks.begin(), ranks.end()}, .answers = {}, .done = std::move(done)};
  for (const int rank : ranks) {
    if (state.profile.is_gone(rank)) {
      count(state, number, rank, no_answer(state, rank));
      continue;
    }
    self->request(state.ranks.at(rank).actor, timeout, message)
        .then([&state, number,
               rank](RankTrace& answer) { count(state, number, rank, std::move(answer)); },
              [&state, number, rank](const caf::error&) {
                count(state, number, rank, no_answer(state, rank));
              });
  }
}

// The process of a rank ended: whoever waits for it learns so now.
void lose(SupervisorState& state, int rank) {
  if (!state.profile.lose_rank(rank)) return;
  std::vector<std::uint64_t> waiting;
  for (const auto& [number, question] : state.questions)
    if (question.left.contains(rank)) waiting.push_back(number);
  for (const std::uint64_t number : waiting) count(state, number, rank, no_answer(state, rank));
}

template <class Self>
void join(Self self, Join& joined) {
  SupervisorState& state = self->state;
  lose(state, joined.rank);  // one that was there before
  self->monitor(joined.actor);
  const int rank = joined.rank;
  state.profile.add_rank(rank, joined.stage);
  state.ranks[rank] = std::move(joined);
  if (!state.profile.resumes(rank)) return;
  // Its trace is another session's, as that of the process before may be recovered.
  state.last_start.timestamp = profiling::session_timestamp();
  ask(self, {rank}, state.last_start, answer_timeout, [self, rank](const Answers& started) {
    if (started.front().error.code != ErrorCode::none || self->state.profile.resumed(rank)) return;
    ask(self, {rank}, StopTrace{.discard = true}, take_back_timeout, [](const Answers&) {});
  });
}

template <class Self>
void stop(Self self, const StopProfile& request, Promise promise);

// What waited until a start or a stop was settled.
template <class Self>
void go_on(Self self) {
  for (auto& [request, promise] : std::exchange(self->state.deferred_stops, {}))
    stop(self, request, std::move(promise));
}

template <class Self>
void stop_answered(Self self, Answers answers) {
  SupervisorState& state = self->state;
  for (const int rank : state.profile.stopped()) {
    const auto answer = std::find_if(answers.begin(), answers.end(),
                                     [rank](const RankTrace& one) { return one.rank == rank; });
    if (answer == answers.end())
      answers.push_back(failed_answer(state, rank, "its process ended while it was profiled"));
    else
      answer->note =
          "its process ended while it was profiled; this is the trace of the one that "
          "took its place";
  }
  sort_by_rank(answers);
  ProfileAnswer all = summary(std::move(answers));
  all.goes_on = state.profile.phase() == ProfilePhase::running;
  deliver(state.stops, all);
  go_on(self);
}

// Answers the promise, now or once there is an answer.
template <class Self>
void stop(Self self, const StopProfile& request, Promise promise) {
  SupervisorState& state = self->state;
  const ProfileDecision decision = state.profile.stop(request.stages);
  if (decision.kind == Kind::refuse) {
    promise.deliver(refused(decision.refusal));
    return;
  }
  if (decision.kind == Kind::nothing) {
    ProfileAnswer nothing;
    nothing.note = "was not running";
    nothing.goes_on = state.profile.phase() == ProfilePhase::running;
    promise.deliver(std::move(nothing));
    return;
  }
  if (decision.kind == Kind::defer)
    return state.deferred_stops.push_back({request, std::move(promise)});
  state.stops.push_back(std::move(promise));
  if (decision.kind == Kind::ask)
    ask(self, decision.ranks, StopTrace{}, answer_timeout,
        [self](Answers answers) { stop_answered(self, std::move(answers)); });
}

// The start is settled: answers it, then comes what waited for it.
template <class Self>
void end_start(Self self, const ProfileAnswer& answer) {
  deliver(self->state.starts, answer);
  go_on(self);
}

template <class Self>
void take_back(Self self, ProfileAnswer answer) {
  for (RankTrace& rank : answer.ranks) rank.file.clear();
  ask(self, self->state.profile.start_failed(), StopTrace{.discard = true}, take_back_timeout,
      [self, answer = std::move(answer)](const Answers& stopped) mutable {
        for (const RankTrace& rank : stopped)
          if (rank.error.code != ErrorCode::none)
            answer.error.message +=
                "\nrank " + std::to_string(rank.rank) +
                ": its recording could not be taken back: " + rank.error.message;
        self->state.profile.taken_back();
        end_start(self, answer);
      });
}

template <class Self>
void start_answered(Self self, Answers answers) {
  SupervisorState& state = self->state;
  for (RankTrace& answer : answers)
    if (answer.error.code == ErrorCode::none && state.profile.is_gone(answer.rank))
      answer = failed_answer(state, answer.rank, "its process ended after it had started");
  ProfileAnswer all = summary(std::move(answers));
  if (all.error.code != ErrorCode::none) return take_back(self, std::move(all));
  state.profile.started();
  end_start(self, all);
}

template <class Self>
caf::result<ProfileAnswer> start(Self self, const StartProfile& request) {
  SupervisorState& state = self->state;
  const ProfileDecision decision =
      state.profile.start({.run_id = request.options.run_id,
                           .stages = request.stages,
                           .ranks = {request.options.ranks.begin(), request.options.ranks.end()}});
  if (decision.kind == Kind::refuse) return refused(decision.refusal);
  auto promise = self->template make_response_promise<ProfileAnswer>();
  state.starts.push_back(promise);
  if (decision.kind == Kind::ask) {
    const StartTrace message{.directory = absolute(request.directory),
                             .timestamp = request.timestamp,
                             .base_ns = request.base_ns,
                             .options = request.options};
    // Who takes a rank's place later cannot begin at a time that has passed by then.
    state.last_start = message;
    state.last_start.options.start_at_ns = 0;
    ask(self, decision.ranks, message, answer_timeout,
        [self](Answers answers) { start_answered(self, std::move(answers)); });
  }
  return promise;
}

// What has nothing to do with the profile that may run.
template <class Self, class Message>
caf::result<ProfileAnswer> ask_all(Self self, const Message& message) {
  auto promise = self->template make_response_promise<ProfileAnswer>();
  ask(self, self->state.profile.ranks(), message, answer_timeout,
      [promise](Answers answers) mutable { promise.deliver(summary(std::move(answers))); });
  return promise;
}

template <class Self>
SupervisorActor::behavior_type supervise(Self self) {
  self->set_down_handler([self](const caf::down_msg& down) {
    for (const auto& [rank, joined] : self->state.ranks)
      if (joined.actor.address() == down.source) return lose(self->state, rank);
  });
  return {
      [self](Join& joined) { join(self, joined); },
      [self](const StartProfile& request) { return start(self, request); },
      [self](const StopProfile& request) -> caf::result<ProfileAnswer> {
        auto promise = self->template make_response_promise<ProfileAnswer>();
        stop(self, request, promise);
        return promise;
      },
      [self](const DumpProfile& request) {
        return ask_all(self, DumpTrace{.directory = absolute(request.directory),
                                       .timestamp = profiling::session_timestamp(),
                                       .base_ns = profiling::default_base_ns(),
                                       .last_ms = request.last_ms});
      },
      [self](const SetFlight& request) { return ask_all(self, request); },
  };
}

}  // namespace

SupervisorActor::behavior_type profiling_supervisor(
    SupervisorActor::stateful_broker_pointer<SupervisorState> self) {
  return supervise(self);
}

SupervisorActor::behavior_type scheduled_profiling_supervisor(
    SupervisorActor::stateful_pointer<SupervisorState> self) {
  return supervise(self);
}

}  // namespace limelight::actors
