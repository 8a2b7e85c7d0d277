// The profiling supervisor, and ranks that die, are replaced or do not answer.
#include "tests/actors/orchestrator/stepped_supervisor.hpp"

using limelight::ErrorCode;
using namespace limelight::tests;

BOOST_FIXTURE_TEST_SUITE(supervisor_ranks, Stepped)

BOOST_AUTO_TEST_CASE(a_rank_that_dies_while_it_starts_fails_the_start_at_once) {
  ranks[1].to_start = Reply::wait;
  const auto answer = start("a");
  kill(1);
  failed(answer, ErrorCode::rank_failed, "rank 1: did not answer the profiling supervisor");
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
  failed(answer, ErrorCode::rank_failed, "rank 0: its process ended after it had started");
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
  BOOST_TEST((*answer)->error.message.starts_with("rank 1: no room for a trace"));
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_dies_while_it_records_is_told_by_the_stop) {
  start("a");
  kill(1);
  runs({0, 2});
  const auto answer = stop();
  failed(answer, ErrorCode::rank_failed, "rank 1: its process ended while it was profiled");
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
  failed(answer, ErrorCode::rank_failed, "rank 2: did not answer the profiling supervisor");
  BOOST_TEST(files_of(answer) == 2u);
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_profile_of_which_all_ranks_died_can_be_stopped_and_the_next_one_started) {
  start("a", {0});
  kill(0);
  is_idle();
  failed(stop(), ErrorCode::rank_failed, "rank 0: its process ended while it was profiled");
  failed(start("b", {0}), ErrorCode::rank_failed,
         "rank 0: did not answer the profiling supervisor");
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
  failed(answer, ErrorCode::rank_failed, "rank 1: did not answer the profiling supervisor");
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
         "supervisor");
  is_idle();
}

BOOST_AUTO_TEST_CASE(a_rank_that_does_not_answer_a_stop_leaves_the_files_of_the_others) {
  start("a");
  ranks[0].to_stop = Reply::wait;
  may_disagree = true;
  const auto answer = stop();
  advance(31s);
  failed(answer, ErrorCode::rank_failed, "rank 0: did not answer the profiling supervisor");
  BOOST_TEST(files_of(answer) == 2u);
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
  failed(stop(), ErrorCode::rank_failed, "rank 1: its process ended while it was profiled");
  release(1);
  BOOST_TEST(ranks[1].discards == 1);
  BOOST_TEST(!ranks[1].recording);
  is_idle();
}

BOOST_AUTO_TEST_SUITE_END()
