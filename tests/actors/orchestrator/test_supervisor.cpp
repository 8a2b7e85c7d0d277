// The profiling supervisor: whatever an answer says, the ranks and the state are as it says.
#include "tests/actors/orchestrator/stepped_supervisor.hpp"

using limelight::ErrorCode;
using namespace limelight::tests;

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

BOOST_AUTO_TEST_CASE(the_stop_of_one_stage_leaves_the_others_recording) {
  succeeded(start("a"), 3);
  const auto first = stop({0});
  succeeded(first, 2);
  BOOST_TEST((*first)->goes_on);
  runs({2});
  failed(stop({3}), ErrorCode::invalid_argument,
         "cannot stop the profile of stage 3: the stages are 0, 1");
  succeeded(stop({0}), 0);  // it is not running any more
  const auto last = stop({1});
  succeeded(last, 1);
  BOOST_TEST(!(*last)->goes_on);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_stop_of_other_stages_waits_for_the_one_under_way) {
  succeeded(start("a"), 3);
  ranks[0].to_stop = Reply::wait;
  const auto first = stop({0}), same = stop({0}), other = stop({1}), all = stop();
  BOOST_TEST((!first->has_value() && !same->has_value() && !other->has_value()));
  BOOST_TEST(ranks[2].stops == 0);
  release(0);
  succeeded(first, 2);
  succeeded(same, 2);
  succeeded(other, 1);
  succeeded(all, 1);  // what was still there joined the stop of stage 1
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
  failed(answer, ErrorCode::io, "rank 1: no room for a trace");
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

BOOST_AUTO_TEST_CASE(a_cause_that_ranks_share_is_told_once) {
  ranks[0].to_start = ranks[1].to_start = Reply::fail;
  failed(start("a"), ErrorCode::io, "ranks 0, 1: no room for a trace");
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_leaves_the_ranks_alone_that_ran_before) {
  succeeded(start("a", {0}), 1);
  ranks[2].to_start = Reply::fail;
  failed(start("a"), ErrorCode::io, "rank 2: no room for a trace");
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
         "rank 0: its recording could not be taken back: the disk is full");
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_stop_that_fails_on_one_rank_gives_the_files_of_the_others) {
  start("a");
  ranks[1].to_stop = Reply::fail;
  may_disagree = true;
  const auto answer = stop();
  failed(answer, ErrorCode::io, "rank 1: the disk is full");
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
    failed(answer, ErrorCode::io, "rank 2: no room for a trace");
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
  failed(started, ErrorCode::io, "rank 1: no room for a trace");
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

BOOST_AUTO_TEST_CASE(flight_recorders_are_asked_whatever_profile_is_under_way) {
  ranks[0].to_start = Reply::wait;
  const auto started = start("a");
  ranks[1].to_dump = Reply::fail;
  failed(ask(DumpProfile{.directory = "/traces", .last_ms = 5}), ErrorCode::io, "rank 1: off");
  succeeded(ask(SetFlight{.keep_ms = 5}), 0);
  kill(2);
  const auto dumped = ask(DumpProfile{.directory = "/traces", .last_ms = 5});
  failed(dumped, ErrorCode::rank_failed,
         "rank 1: off\nrank 2: did not answer the profiling supervisor");
  BOOST_TEST(!started->has_value());
}

BOOST_AUTO_TEST_SUITE_END()
