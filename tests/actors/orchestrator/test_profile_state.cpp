// Every transition of the state machine, every refusal, and ranks that end in each phase.
#include <boost/test/unit_test.hpp>

#include "actors/orchestrator/profile_state.hpp"

using namespace limelight::actors;
using limelight::ErrorCode;
using Kind = ProfileDecision::Kind;
using Phase = ProfilePhase;
using Ranks = std::vector<int>;
using Set = std::set<int>;

namespace limelight::actors {
std::ostream& operator<<(std::ostream& out, ProfilePhase phase) {
  return out << std::array{"idle", "starting", "running", "stopping"}[static_cast<int>(phase)];
}
std::ostream& operator<<(std::ostream& out, ProfileDecision::Kind kind) {
  return out << std::array{"ask", "join", "defer", "nothing", "refuse"}[static_cast<int>(kind)];
}
}  // namespace limelight::actors

namespace {

// Stage 0 has the ranks 0 and 1, stage 1 the rank 2.
struct Pipeline {
  ProfileState state;
  Pipeline() {
    state.add_rank(0, 0);
    state.add_rank(1, 0);
    state.add_rank(2, 1);
  }
  void begin(const std::string& run, Ranks ranks = {}) {
    BOOST_REQUIRE_EQUAL(state.start({.run_id = run, .stages = {}, .ranks = ranks}).kind, Kind::ask);
  }
  void run(const std::string& run, Ranks ranks = {}) {
    begin(run, std::move(ranks));
    state.started();
    BOOST_REQUIRE_EQUAL(state.phase(), Phase::running);
  }
  void begin_stop() { BOOST_REQUIRE_EQUAL(state.stop().kind, Kind::ask); }

  void refuses(const ProfileChoice& choice, ErrorCode code, const std::string& message) {
    const Phase before = state.phase();
    const Set running = state.running();
    const ProfileDecision decision = state.start(choice);
    BOOST_TEST(decision.kind == Kind::refuse);
    BOOST_TEST((decision.refusal.code == code));
    BOOST_TEST(decision.refusal.message == message);
    BOOST_TEST(state.phase() == before);
    BOOST_TEST((state.running() == running));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(profile_state, Pipeline)

BOOST_AUTO_TEST_CASE(it_begins_idle_with_nothing_to_stop) {
  BOOST_TEST(state.phase() == Phase::idle);
  BOOST_TEST(state.stop().kind == Kind::nothing);
  BOOST_TEST(state.phase() == Phase::idle);
  BOOST_TEST((state.ranks() == Ranks{0, 1, 2}));
  BOOST_TEST(state.stage_of(2) == 1);
}

BOOST_AUTO_TEST_CASE(a_run_goes_from_idle_over_starting_running_and_stopping_to_idle) {
  const auto start = state.start({.run_id = "a", .stages = {}, .ranks = {}});
  BOOST_TEST(start.kind == Kind::ask);
  BOOST_TEST((start.ranks == Ranks{0, 1, 2}));
  BOOST_TEST(state.phase() == Phase::starting);
  BOOST_TEST(state.running().empty());
  state.started();
  BOOST_TEST(state.phase() == Phase::running);
  BOOST_TEST((state.running() == Set{0, 1, 2}));
  const auto stop = state.stop();
  BOOST_TEST(stop.kind == Kind::ask);
  BOOST_TEST((stop.ranks == Ranks{0, 1, 2}));
  BOOST_TEST(state.phase() == Phase::stopping);
  BOOST_TEST(state.stopped().empty());
  BOOST_TEST(state.phase() == Phase::idle);
  BOOST_TEST(state.running().empty());
}

BOOST_AUTO_TEST_CASE(stages_and_ranks_choose_who_is_asked) {
  const struct {
    std::vector<std::int32_t> stages, ranks;
    Ranks asked;
  } cases[] = {{{}, {}, {0, 1, 2}},
               {{0}, {}, {0, 1}},
               {{0, 1}, {}, {0, 1, 2}},
               {{}, {2, 0}, {0, 2}},
               {{0}, {1, 2}, {1}}};
  for (const auto& c : cases) {
    const auto start = state.start({.run_id = "a", .stages = c.stages, .ranks = c.ranks});
    BOOST_TEST(start.kind == Kind::ask);
    BOOST_TEST(start.ranks == c.asked, boost::test_tools::per_element());
    state.start_failed();
    state.taken_back();
  }
}

BOOST_AUTO_TEST_CASE(choices_of_nobody_are_refused_with_what_there_is) {
  refuses({.run_id = "a", .stages = {7}, .ranks = {}}, ErrorCode::invalid_argument,
          "cannot profile stage 7: the stages are 0, 1");
  refuses({.run_id = "a", .stages = {}, .ranks = {0, 3}}, ErrorCode::invalid_argument,
          "cannot profile rank 3: the ranks are 0 to 2");
  refuses({.run_id = "a", .stages = {}, .ranks = {-1}}, ErrorCode::invalid_argument,
          "cannot profile rank -1: the ranks are 0 to 2");
  refuses({.run_id = "a", .stages = {1}, .ranks = {0}}, ErrorCode::invalid_argument,
          "cannot profile: none of the ranks asked for is of the stages asked for");
  state = {};
  refuses({.run_id = "a", .stages = {}, .ranks = {}}, ErrorCode::invalid_argument,
          "cannot profile: no rank has joined");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_chosen_is_told_before_what_is_busy) {
  run("a");
  refuses({.run_id = "b", .stages = {7}, .ranks = {}}, ErrorCode::invalid_argument,
          "cannot profile stage 7: the stages are 0, 1");
}

BOOST_AUTO_TEST_CASE(another_run_is_busy_in_every_phase_but_idle) {
  const ProfileChoice other{.run_id = "b", .stages = {}, .ranks = {}};
  begin("a");
  refuses(other, ErrorCode::busy, "a profile is starting, of run 'a': stop it first");
  state.started();
  refuses(other, ErrorCode::busy, "a profile is running, of run 'a': stop it first");
  begin_stop();
  refuses(other, ErrorCode::busy,
          "a profile is stopping, of run 'a': start again once it has stopped");
  state.stopped();
  begin("b");
}

BOOST_AUTO_TEST_CASE(also_the_same_run_is_busy_while_it_stops) {
  run("");
  begin_stop();
  refuses({.run_id = "", .stages = {}, .ranks = {}}, ErrorCode::busy,
          "a profile is stopping: start again once it has stopped");
}

BOOST_AUTO_TEST_CASE(the_same_start_joins_the_one_under_way) {
  begin("a", {0, 1});
  for (const Ranks& same : {Ranks{0, 1}, Ranks{1}})
    BOOST_TEST(state.start({.run_id = "a", .stages = {}, .ranks = same}).kind == Kind::join);
  refuses({.run_id = "a", .stages = {}, .ranks = {1, 2}}, ErrorCode::busy,
          "a profile is starting, of run 'a': start its other ranks once it has started");
  state.started();
  BOOST_TEST((state.running() == Set{0, 1}));
}

BOOST_AUTO_TEST_CASE(a_run_can_be_started_again_and_gets_more_ranks) {
  run("a", {0});
  run("a", {0});
  BOOST_TEST((state.running() == Set{0}));
  const auto more = state.start({.run_id = "a", .stages = {}, .ranks = {0, 2}});
  BOOST_TEST((more.ranks == Ranks{0, 2}));  // a rank that runs already says so
  BOOST_TEST(state.phase() == Phase::starting);
  state.started();
  BOOST_TEST((state.running() == Set{0, 2}));
}

BOOST_AUTO_TEST_CASE(a_start_that_failed_is_taken_back_and_leaves_room_for_another_run) {
  begin("a");
  BOOST_TEST((state.start_failed() == Ranks{0, 1, 2}));
  BOOST_TEST(state.phase() == Phase::starting);  // until it is done
  BOOST_TEST(state.stop().kind == Kind::defer);
  refuses({.run_id = "b", .stages = {}, .ranks = {}}, ErrorCode::busy,
          "a profile is starting, of run 'a': stop it first");
  state.taken_back();
  BOOST_TEST(state.phase() == Phase::idle);
  BOOST_TEST(state.stop().kind == Kind::nothing);
  begin("b");
}

BOOST_AUTO_TEST_CASE(ranks_that_ran_before_a_start_that_failed_run_on) {
  run("a", {0, 1});
  begin("a", {1, 2});
  BOOST_TEST((state.start_failed() == Ranks{2}));
  state.taken_back();
  BOOST_TEST(state.phase() == Phase::running);
  BOOST_TEST((state.running() == Set{0, 1}));
}

BOOST_AUTO_TEST_CASE(a_stop_waits_for_a_start_and_joins_a_stop) {
  begin("a");
  BOOST_TEST(state.stop().kind == Kind::defer);
  state.started();
  begin_stop();
  BOOST_TEST(state.stop().kind == Kind::join);
  state.stopped();
  BOOST_TEST(state.stop().kind == Kind::nothing);
}

BOOST_AUTO_TEST_CASE(a_rank_is_lost_once_and_only_if_it_is_known) {
  BOOST_TEST(!state.lose_rank(9));
  BOOST_TEST(state.lose_rank(1));
  BOOST_TEST(state.is_gone(1));
  BOOST_TEST(!state.lose_rank(1));
  BOOST_TEST(state.phase() == Phase::idle);
  BOOST_TEST(state.stop().kind == Kind::nothing);  // it did not run
}

BOOST_AUTO_TEST_CASE(a_rank_that_ends_while_it_starts_does_not_run) {
  begin("a");
  state.lose_rank(1);
  BOOST_TEST((state.start_failed() == Ranks{0, 2}));  // it cannot be asked to take it back
  state.taken_back();
  BOOST_TEST(state.phase() == Phase::idle);
  begin("a");
  state.lose_rank(2);
  state.started();
  BOOST_TEST((state.running() == Set{0}));
  begin_stop();
  BOOST_TEST(state.stopped().empty());  // it never recorded
}

BOOST_AUTO_TEST_CASE(a_start_of_which_every_rank_ended_leaves_it_idle) {
  begin("a", {0, 1});
  state.lose_rank(0);
  state.lose_rank(1);
  state.started();
  BOOST_TEST(state.phase() == Phase::idle);
}

BOOST_AUTO_TEST_CASE(a_rank_that_ends_while_it_runs_is_told_by_the_stop) {
  run("a");
  state.lose_rank(1);
  BOOST_TEST(state.phase() == Phase::running);
  BOOST_TEST((state.running() == Set{0, 2}));
  const auto stop = state.stop();
  BOOST_TEST((stop.ranks == Ranks{0, 2}));
  BOOST_TEST((state.stopped() == Set{1}));
  BOOST_TEST(state.stop().kind == Kind::nothing);  // once
}

BOOST_AUTO_TEST_CASE(a_profile_whose_last_rank_ended_is_idle_and_a_stop_tells_of_it) {
  run("a", {0, 1});
  state.lose_rank(0);
  state.lose_rank(1);
  BOOST_TEST(state.phase() == Phase::idle);
  const auto stop = state.stop();
  BOOST_TEST(stop.kind == Kind::ask);
  BOOST_TEST(stop.ranks.empty());
  BOOST_TEST((state.stopped() == Set{0, 1}));
  BOOST_TEST(state.phase() == Phase::idle);
}

BOOST_AUTO_TEST_CASE(the_next_run_tells_nothing_of_ranks_that_the_last_one_lost) {
  run("a", {0});
  state.lose_rank(0);
  run("b", {1});
  begin_stop();
  BOOST_TEST(state.stopped().empty());
}

BOOST_AUTO_TEST_CASE(a_rank_that_ends_before_it_stopped_is_told_of) {
  run("a");
  begin_stop();
  state.lose_rank(0);
  BOOST_TEST(state.phase() == Phase::stopping);
  BOOST_TEST((state.stopped() == Set{0}));
  BOOST_TEST(state.phase() == Phase::idle);
}

BOOST_AUTO_TEST_CASE(a_rank_that_ran_and_ends_while_more_ranks_start_is_told_by_the_stop) {
  run("a", {0});
  begin("a", {1});
  state.lose_rank(0);
  BOOST_TEST(state.phase() == Phase::starting);
  state.started();
  BOOST_TEST((state.running() == Set{1}));
  begin_stop();
  BOOST_TEST((state.stopped() == Set{0}));
}

BOOST_AUTO_TEST_CASE(a_rank_that_comes_back_does_not_run_and_can_be_started) {
  run("a");
  state.add_rank(1, 0);  // its next process, before the end of the last one was known
  BOOST_TEST(!state.is_gone(1));
  BOOST_TEST((state.running() == Set{0, 2}));
  run("a", {1});
  BOOST_TEST((state.running() == Set{0, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_stop_of_some_stages_is_about_their_ranks_alone) {
  run("a");
  const auto stop = state.stop({1});
  BOOST_TEST(stop.kind == Kind::ask);
  BOOST_TEST((stop.ranks == Ranks{2}));
  BOOST_TEST(state.stop({1}).kind == Kind::join);
  BOOST_TEST(state.stop({0}).kind == Kind::defer);
  BOOST_TEST(state.stop().kind == Kind::defer);
  state.lose_rank(0);
  BOOST_TEST(state.stopped().empty());  // the rank that ended is of another stage
  BOOST_TEST(state.phase() == Phase::running);
  BOOST_TEST((state.running() == Set{1}));
  BOOST_TEST(state.stop({1}).kind == Kind::nothing);
  const auto rest = state.stop({0});
  BOOST_TEST((rest.ranks == Ranks{1}));
  BOOST_TEST((state.stopped() == Set{0}));
  BOOST_TEST(state.phase() == Phase::idle);
}

BOOST_AUTO_TEST_CASE(a_stop_of_a_stage_that_is_not_there_is_refused) {
  run("a");
  const auto stop = state.stop({0, 4});
  BOOST_TEST(stop.kind == Kind::refuse);
  BOOST_TEST(stop.refusal.message == "cannot stop the profile of stage 4: the stages are 0, 1");
  BOOST_TEST(state.phase() == Phase::running);
}

BOOST_AUTO_TEST_SUITE_END()
