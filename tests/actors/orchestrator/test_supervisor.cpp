// The profiling supervisor against ranks that answer, fail, wait or die, on a scheduler and a clock
// that the test steps: whatever an answer says, the ranks and the state are as it says.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "actors/orchestrator/supervisor.hpp"

using namespace limelight::actors;
using namespace std::chrono_literals;
using limelight::ErrorCode;

namespace {

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

RankActor::behavior_type fake_rank(RankActor::pointer self, FakeRank* rank) {
  return {
      [](const Submit&) {},
      [=](const Cancel&) { rank->answer_what_waits(); },
      [](const EndRank&) {},
      [](const ReplicaAnew&) {},
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
  Answer stop() { return ask(StopProfile{}); }
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

}  // namespace

BOOST_FIXTURE_TEST_SUITE(supervisor, Stepped)

BOOST_AUTO_TEST_CASE(a_profile_starts_and_stops_on_all_ranks) {
  succeeded(start("a"), 3);
  runs({0, 1, 2});
  BOOST_TEST(ranks[0].asked.directory == "/traces");
  BOOST_TEST(ranks[0].asked.timestamp == "17");
  const auto stopped = stop();
  succeeded(stopped, 3);
  for (std::size_t i = 0; i < 3; ++i) BOOST_TEST((*stopped)->ranks[i].rank == static_cast<int>(i));
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_process_that_takes_the_place_of_a_profiled_one_records_too) {
  succeeded(start("a"), 3);
  kill(1);
  runs({0, 2});
  join(1);
  runs({0, 1, 2});
  BOOST_TEST(ranks[1].asked.directory == "/traces");
  BOOST_TEST(ranks[1].asked.timestamp != "17");  // another session
  const auto stopped = stop();
  succeeded(stopped, 3);
  BOOST_TEST((*stopped)->ranks[1].note ==
             "its process ended while it was profiled; this is the trace of the one that took its "
             "place");
  BOOST_TEST((*stopped)->ranks[0].note == "");
  is_idle();
  join(1);
  BOOST_TEST(ranks[1].starts == 2);  // not after the stop
}

BOOST_AUTO_TEST_CASE(a_profile_whose_ranks_all_ended_goes_on_in_those_that_take_their_place) {
  succeeded(start("a", {0}), 1);
  kill(0);
  is_idle();
  join(0);
  runs({0});
  succeeded(stop(), 1);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_process_that_begins_to_record_during_the_stop_is_stopped_again) {
  succeeded(start("a"), 3);
  kill(1);
  ranks[1].to_start = Reply::wait;
  join(1);
  may_disagree = true;
  failed(stop(), ErrorCode::rank_failed, "rank 1: its process ended while it was profiled\n");
  release(1);
  BOOST_TEST(ranks[1].discards == 1);
  BOOST_TEST(!ranks[1].recording);
  is_idle();
}

BOOST_AUTO_TEST_CASE(only_the_ranks_that_were_chosen_are_asked) {
  succeeded(start("a", {0, 2}), 2);
  runs({0, 2});
  BOOST_TEST(ranks[1].starts == 0);
  succeeded(stop(), 2);
  BOOST_TEST(ranks[1].stops == 0);
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_on_one_rank_is_taken_back_on_all) {
  ranks[1].to_start = Reply::fail;
  const auto answer = start("a");
  failed(answer, ErrorCode::io, "rank 1: no room for a trace\n");
  BOOST_TEST(files_of(answer) == 0u);
  is_idle();
  for (const FakeRank& rank : ranks) {
    BOOST_TEST(!rank.recording);
    BOOST_TEST(rank.discards == 1);
    BOOST_TEST(rank.stops == 0);
  }
  ranks[1].to_start = Reply::answer;
  succeeded(start("b"), 3);
  runs({0, 1, 2});
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_leaves_the_ranks_alone_that_ran_before) {
  succeeded(start("a", {0}), 1);
  ranks[2].to_start = Reply::fail;
  failed(start("a"), ErrorCode::io, "rank 2: no room for a trace\n");
  runs({0});
  BOOST_TEST(ranks[0].discards == 0);
  BOOST_TEST(ranks[1].discards == 1);
  succeeded(stop(), 1);
}

BOOST_AUTO_TEST_CASE(a_rank_that_cannot_take_its_start_back_is_named) {
  ranks[0].to_stop = Reply::fail;
  ranks[1].to_start = Reply::fail;
  may_disagree = true;
  failed(start("a"), ErrorCode::io,
         "rank 1: no room for a trace\n"
         "rank 0: its recording could not be taken back: the disk is full\n");
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_stop_that_fails_on_one_rank_gives_the_files_of_the_others) {
  start("a");
  ranks[1].to_stop = Reply::fail;
  may_disagree = true;
  const auto answer = stop();
  failed(answer, ErrorCode::io, "rank 1: the disk is full\n");
  BOOST_TEST(files_of(answer) == 2u);
  BOOST_TEST((*answer)->ranks.size() == 3u);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_second_start_joins_the_first_and_gets_its_answer) {
  ranks[2].to_start = Reply::wait;
  const auto first = start("a"), second = start("a"), part = start("a", {0});
  BOOST_TEST(!first->has_value());
  BOOST_TEST(!second->has_value());
  release(2);
  for (const auto& answer : {first, second, part}) succeeded(answer, 3);
  for (const FakeRank& rank : ranks) BOOST_TEST(rank.starts == 1);
}

BOOST_AUTO_TEST_CASE(starts_that_joined_are_told_of_the_failure_too) {
  ranks[2].to_start = Reply::wait;
  const auto first = start("a"), second = start("a");
  ranks[2].to_start = Reply::fail;
  release(2);
  for (const auto& answer : {first, second})
    failed(answer, ErrorCode::io, "rank 2: no room for a trace\n");
  is_idle();
}

BOOST_AUTO_TEST_CASE(to_start_twice_is_harmless) {
  succeeded(start("a"), 3);
  const auto again = start("a");
  succeeded(again, 3);
  BOOST_TEST((*again)->note == "was already running");
  runs({0, 1, 2});
  succeeded(stop(), 3);
}

BOOST_AUTO_TEST_CASE(to_stop_what_does_not_run_is_harmless) {
  const auto answer = stop();
  succeeded(answer, 0);
  BOOST_TEST((*answer)->note == "was not running");
  BOOST_TEST(ranks[0].stops == 0);
}

BOOST_AUTO_TEST_CASE(another_run_is_busy_until_the_first_has_stopped) {
  ranks[0].to_start = Reply::wait;
  ranks[0].to_stop = Reply::wait;
  const auto first = start("a");
  failed(start("b"), ErrorCode::busy, "a profile is starting, of run 'a': stop it first");
  release(0);
  failed(start("b"), ErrorCode::busy, "a profile is running, of run 'a': stop it first");
  const auto stopped = stop();
  failed(start("b"), ErrorCode::busy,
         "a profile is stopping, of run 'a': start again once it has stopped");
  ranks[0].to_start = Reply::answer;
  release(0);
  succeeded(stopped, 3);
  succeeded(start("b"), 3);
  BOOST_TEST(ranks[0].starts == 2);
}

BOOST_AUTO_TEST_CASE(a_stop_during_a_start_waits_for_it) {
  ranks[1].to_start = Reply::wait;
  const auto started = start("a"), stopped = stop(), second = stop();
  BOOST_TEST(!stopped->has_value());
  for (const FakeRank& rank : ranks) BOOST_TEST(rank.stops == 0);
  release(1);
  succeeded(started, 3);
  succeeded(stopped, 3);
  succeeded(second, 3);
  for (const FakeRank& rank : ranks) BOOST_TEST(rank.stops == 1);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_stop_during_a_start_that_fails_finds_nothing) {
  ranks[1].to_start = Reply::wait;
  const auto started = start("a"), stopped = stop();
  ranks[1].to_start = Reply::fail;
  release(1);
  failed(started, ErrorCode::io, "rank 1: no room for a trace\n");
  succeeded(stopped, 0);
  BOOST_TEST((*stopped)->note == "was not running");
}

BOOST_AUTO_TEST_CASE(a_second_stop_joins_the_first) {
  start("a");
  ranks[0].to_stop = Reply::wait;
  const auto first = stop(), second = stop();
  BOOST_TEST(!first->has_value());
  release(0);
  succeeded(first, 3);
  succeeded(second, 3);
  for (const FakeRank& rank : ranks) BOOST_TEST(rank.stops == 1);
}

BOOST_AUTO_TEST_CASE(a_rank_that_dies_while_it_starts_fails_the_start_at_once) {
  ranks[1].to_start = Reply::wait;
  const auto answer = start("a");
  kill(1);
  failed(answer, ErrorCode::rank_failed, "rank 1: did not answer the profiling supervisor\n");
  BOOST_TEST(!ranks[0].recording);
  BOOST_TEST(ranks[1].discards == 0);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_dies_after_it_started_fails_the_start_of_the_others) {
  ranks[2].to_start = Reply::wait;
  const auto answer = start("a");
  kill(0);
  BOOST_TEST(!answer->has_value());
  release(2);
  failed(answer, ErrorCode::rank_failed, "rank 0: its process ended after it had started\n");
  BOOST_TEST(!ranks[1].recording);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_dies_while_its_start_is_taken_back_holds_nobody) {
  ranks[0].to_stop = Reply::wait;
  ranks[1].to_start = Reply::fail;
  const auto answer = start("a");
  BOOST_TEST(!answer->has_value());
  kill(0);
  BOOST_REQUIRE(answer->has_value());
  BOOST_TEST((*answer)->error.message.starts_with("rank 1: no room for a trace\n"));
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_dies_while_it_records_is_told_by_the_stop) {
  start("a");
  kill(1);
  runs({0, 2});
  const auto answer = stop();
  failed(answer, ErrorCode::rank_failed, "rank 1: its process ended while it was profiled\n");
  BOOST_TEST(files_of(answer) == 2u);
  BOOST_TEST((*answer)->ranks[1].stage_id == 0);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_dies_while_it_stops_leaves_the_files_of_the_others) {
  start("a");
  ranks[2].to_stop = Reply::wait;
  const auto answer = stop();
  BOOST_TEST(!answer->has_value());
  kill(2);
  failed(answer, ErrorCode::rank_failed, "rank 2: did not answer the profiling supervisor\n");
  BOOST_TEST(files_of(answer) == 2u);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_profile_of_which_all_ranks_died_can_be_stopped_and_the_next_one_started) {
  start("a", {0});
  kill(0);
  is_idle();
  failed(stop(), ErrorCode::rank_failed, "rank 0: its process ended while it was profiled\n");
  failed(start("b", {0}), ErrorCode::rank_failed,
         "rank 0: did not answer the profiling supervisor\n");
  join(0);
  succeeded(start("b"), 3);
}

BOOST_AUTO_TEST_CASE(a_rank_that_joins_again_is_asked_instead_of_the_one_before) {
  ranks[0].to_start = Reply::wait;
  const auto answer = start("a");
  caf::anon_send_exit(ranks[0].actor, caf::exit_reason::kill);
  join(0);  // whatever is known first, the end or the new one
  BOOST_REQUIRE(answer->has_value());
  BOOST_TEST(((*answer)->error.code == ErrorCode::rank_failed));
  is_idle();
  ranks[0].to_start = Reply::answer;
  succeeded(start("a"), 3);
}

BOOST_AUTO_TEST_CASE(a_rank_that_does_not_answer_a_start_is_given_up_and_asked_to_take_it_back) {
  ranks[1].to_start = Reply::wait;
  const auto answer = start("a");
  advance(29s);
  BOOST_TEST(!answer->has_value());
  advance(2s);
  failed(answer, ErrorCode::rank_failed, "rank 1: did not answer the profiling supervisor\n");
  is_idle();
  BOOST_TEST(ranks[1].discards == 1);  // the start may still be in its mailbox
  release(1);                          // an answer that comes too late is nobody's
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_answers_nothing_at_all_holds_a_start_for_its_two_timeouts) {
  ranks[1].to_start = ranks[1].to_stop = Reply::wait;
  const auto answer = start("a");
  advance(31s);
  BOOST_TEST(!answer->has_value());
  failed(start("b"), ErrorCode::busy, "a profile is starting, of run 'a': stop it first");
  advance(21s);
  failed(answer, ErrorCode::rank_failed,
         "rank 1: did not answer the profiling supervisor\n"
         "rank 1: its recording could not be taken back: did not answer the profiling "
         "supervisor\n");
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_does_not_answer_a_stop_leaves_the_files_of_the_others) {
  start("a");
  ranks[0].to_stop = Reply::wait;
  may_disagree = true;
  const auto answer = stop();
  advance(31s);
  failed(answer, ErrorCode::rank_failed, "rank 0: did not answer the profiling supervisor\n");
  BOOST_TEST(files_of(answer) == 2u);
  is_idle();
}

BOOST_AUTO_TEST_CASE(flight_recorders_are_asked_whatever_profile_is_under_way) {
  ranks[0].to_start = Reply::wait;
  const auto started = start("a");
  ranks[1].to_dump = Reply::fail;
  failed(ask(DumpProfile{.directory = "/traces", .last_ms = 5}), ErrorCode::io, "rank 1: off\n");
  succeeded(ask(SetFlight{.keep_ms = 5}), 0);
  kill(2);
  const auto dumped = ask(DumpProfile{.directory = "/traces", .last_ms = 5});
  failed(dumped, ErrorCode::rank_failed,
         "rank 1: off\nrank 2: did not answer the profiling supervisor\n");
  BOOST_TEST(!started->has_value());
}

BOOST_AUTO_TEST_SUITE_END()
