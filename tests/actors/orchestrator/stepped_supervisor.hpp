// The profiling supervisor and ranks that answer, fail, wait or die, on a scheduler and a clock
// that the test steps.
#pragma once

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "actors/orchestrator/supervisor.hpp"

namespace limelight::tests {

using namespace limelight::actors;
using namespace std::chrono_literals;

enum class Reply { answer, fail, wait };

// A rank without a process. What it is to wait with it answers once it is sent a Cancel.
struct FakeRank {
  int number = 0, stage = 0;
  Reply to_start = Reply::answer, to_stop = Reply::answer, to_dump = Reply::answer;
  bool recording = false, alive = true;
  int starts = 0, stops = 0, discards = 0;
  StartTrace asked;
  std::vector<std::function<void()>> waiting;
  RankActor actor;

  limelight::RankTrace blank() const {
    limelight::RankTrace answer;
    answer.rank = number;
    answer.stage_id = stage;
    return answer;
  }
  limelight::RankTrace failure(const char* why) const {
    limelight::RankTrace answer = blank();
    answer.error = {ErrorCode::io, why};
    return answer;
  }
  limelight::RankTrace start() {
    if (to_start == Reply::fail) return failure("no room for a trace");
    limelight::RankTrace answer = blank();
    if (std::exchange(recording, true)) answer.note = "was already running";
    answer.file = "rank-" + std::to_string(number) + ".gz";
    return answer;
  }
  limelight::RankTrace stop(const StopTrace& message) {
    if (to_stop == Reply::fail) return failure("the disk is full");
    limelight::RankTrace answer = blank();
    recording = false;
    if (!message.discard) answer.file = "rank-" + std::to_string(number) + ".gz";
    return answer;
  }
  void answer_what_waits() {
    for (const auto& one : std::exchange(waiting, {})) one();
  }
};

template <class Self, class F>
caf::result<limelight::RankTrace> reply(Self self, FakeRank* rank, Reply how, F make) {
  if (how != Reply::wait) return make();
  auto promise = self->template make_response_promise<limelight::RankTrace>();
  rank->waiting.push_back([promise, make]() mutable { promise.deliver(make()); });
  return promise;
}

inline RankActor::behavior_type fake_rank(RankActor::pointer self, FakeRank* rank) {
  return {
      [](const Submit&) {},
      [=](const Cancel&) { rank->answer_what_waits(); },
      [](const EndRank&) {},
      [](const ReplicaAnew&) {},
      [](const SetClock&) {},
      [](const Ping&) { return Pong{}; },
      [=](const StartTrace& message) {
        ++rank->starts;
        rank->asked = message;
        return reply(self, rank, rank->to_start, [=] { return rank->start(); });
      },
      [=](const StopTrace& message) {
        message.discard ? ++rank->discards : ++rank->stops;
        return reply(self, rank, rank->to_stop, [=] { return rank->stop(message); });
      },
      [=](const DumpTrace&) {
        return reply(self, rank, rank->to_dump, [=] {
          return rank->to_dump == Reply::fail ? rank->failure("off") : rank->blank();
        });
      },
      [=](const SetFlight&) -> caf::result<limelight::RankTrace> { return rank->blank(); },
  };
}

struct Config : caf::actor_system_config {
  Config() {
    add_message_types<caf::id_block::limelight>();
    set("scheduler.policy", caf::atom("testing"));
  }
};

// Stage 0 has the ranks 0 and 1, stage 1 the rank 2.
class Stepped {
 protected:
  using Answer = std::shared_ptr<std::optional<ProfileAnswer>>;

  Stepped() {
    for (const int number : {0, 1, 2}) {
      ranks[static_cast<std::size_t>(number)].number = number;
      ranks[static_cast<std::size_t>(number)].stage = number / 2;
      join(number);
    }
  }
  ~Stepped() {
    for (FakeRank& rank : ranks) caf::anon_send_exit(rank.actor, caf::exit_reason::kill);
    caf::anon_send_exit(supervisor, caf::exit_reason::kill);
    step();
  }
  void join(int number) {
    FakeRank& rank = ranks[static_cast<std::size_t>(number)];
    rank.actor = system.spawn(fake_rank, &rank);
    rank.alive = true;
    rank.recording = false;
    caf::anon_send(supervisor, Join{number, rank.stage, 0, 0, rank.actor});
    step();
  }
  void kill(int number) {
    FakeRank& rank = ranks[static_cast<std::size_t>(number)];
    rank.alive = false;
    caf::anon_send_exit(rank.actor, caf::exit_reason::kill);
    step();
  }
  // It answers what it waited with.
  void release(int number) {
    caf::anon_send(ranks[static_cast<std::size_t>(number)].actor, Cancel{});
    step();
  }
  // Until nothing is left to do but to wait.
  void step() { scheduler.run(); }
  void advance(std::chrono::seconds time) {
    scheduler.advance_time(time);
    step();
  }

  template <class Message>
  Answer ask(const Message& message) {
    const auto answer = std::make_shared<std::optional<ProfileAnswer>>();
    system.spawn([this, message, answer](caf::event_based_actor* self) {
      self->request(supervisor, caf::infinite, message)
          .then([this, answer](const ProfileAnswer& got) {
            BOOST_TEST(!answer->has_value());  // once
            *answer = got;
            check_ranks();
          });
    });
    step();
    return answer;
  }
  Answer start(const std::string& run, std::vector<std::int32_t> chosen = {}) {
    StartProfile request;
    request.options.run_id = run;
    request.options.ranks = {chosen.begin(), chosen.end()};
    request.directory = "/traces";
    request.timestamp = "17";
    return ask(request);
  }
  Answer stop(std::vector<std::int32_t> stages = {}) { return ask(StopProfile{std::move(stages)}); }
  const ProfileState& state() const {
    using Actor = std::remove_pointer_t<SupervisorActor::stateful_pointer<SupervisorState>>;
    return dynamic_cast<Actor&>(*caf::actor_cast<caf::abstract_actor*>(supervisor)).state.profile;
  }
  // When an answer arrives and nothing is under way, a rank that is alive records if, and only if,
  // the state says so.
  void check_ranks() const {
    const ProfilePhase phase = state().phase();
    if (may_disagree || phase == ProfilePhase::starting || phase == ProfilePhase::stopping) return;
    for (const FakeRank& rank : ranks)
      if (rank.alive)
        BOOST_TEST(rank.recording == state().running().contains(rank.number),
                   "rank " << rank.number << " records: " << rank.recording);
  }
  void is_idle() const {
    BOOST_TEST((state().phase() == ProfilePhase::idle));
    BOOST_TEST(state().running().empty());
  }
  void runs(const std::set<int>& who) const {
    BOOST_TEST((state().phase() == ProfilePhase::running));
    BOOST_TEST((state().running() == who));
  }
  static void succeeded(const Answer& answer, std::size_t files) {
    BOOST_REQUIRE(answer->has_value());
    BOOST_TEST(((*answer)->error.code == ErrorCode::none), (*answer)->error.message);
    BOOST_TEST(files_of(answer) == files);
  }
  static void failed(const Answer& answer, ErrorCode code, const std::string& error) {
    BOOST_REQUIRE(answer->has_value());
    BOOST_TEST(((*answer)->error.code == code));
    BOOST_TEST((*answer)->error.message == error);
  }
  static std::size_t files_of(const Answer& answer) {
    const auto& all = (*answer)->ranks;
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(),
                      [](const limelight::RankTrace& rank) { return !rank.file.empty(); }));
  }

  Config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  SupervisorActor supervisor = system.spawn(scheduled_profiling_supervisor);
  std::array<FakeRank, 3> ranks;
  bool may_disagree = false;  // a rank that does not answer may do anything
};

}  // namespace limelight::tests
