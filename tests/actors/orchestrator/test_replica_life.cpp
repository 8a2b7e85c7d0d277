// Every transition of a replica's life, on a clock that the test sets.
#include <boost/test/unit_test.hpp>

#include "actors/orchestrator/replica_life.hpp"

using namespace limelight::actors;
using namespace std::chrono_literals;
using LifePhase = ReplicaLife::Phase;
using Deed = ReplicaLife::Deed;

namespace {

// Ranks 3 and 4; three failures within a minute are too many.
struct Two {
  ReplicaLife life{{.stage_id = 1, .index = 0, .first_rank = 3, .ranks = 2},
                   {.max_failures = 3, .failure_window = 60s, .restart_backoff = 100ms}};
  ReplicaLife::Clock::time_point now{};

  void join_both() {
    life.joined(3, life.incarnation(), now);
    BOOST_TEST(life.joined(4, life.incarnation(), now));
    BOOST_TEST((life.phase() == LifePhase::serving));
    BOOST_TEST(!life.next().has_value());
  }
  void fail_both() {
    BOOST_TEST(life.failed(now));
    life.gone(3, now);
    life.gone(4, now);
  }
  void begin_again(std::chrono::milliseconds pause) {
    BOOST_TEST((life.phase() == LifePhase::pausing));
    BOOST_TEST((life.next() == now + pause));
    BOOST_TEST((life.due(now + pause - 1ms) == Deed::nothing));
    now += pause;
    BOOST_TEST((life.due(now) == Deed::start));
    BOOST_TEST((life.phase() == LifePhase::starting));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(replica_life, Two)

BOOST_AUTO_TEST_CASE(it_serves_once_all_its_ranks_have_joined) {
  BOOST_TEST((life.phase() == LifePhase::starting));
  BOOST_TEST(!life.joined(3, 0, now));
  BOOST_TEST(!life.joined(3, 0, now));  // again
  BOOST_TEST(!life.joined(4, 1, now));  // of another incarnation
  BOOST_TEST((life.phase() == LifePhase::starting));
  BOOST_TEST(life.joined(4, 0, now));
  BOOST_TEST((life.phase() == LifePhase::serving));
}

BOOST_AUTO_TEST_CASE(its_ranks_die_together_and_begin_again_after_a_pause) {
  join_both();
  BOOST_TEST(life.failed(now));
  BOOST_TEST(!life.failed(now));  // the other one, which was told to end
  life.gone(3, now);
  BOOST_TEST((life.phase() == LifePhase::ending));
  BOOST_TEST(life.is_gone(3));
  BOOST_TEST(!life.is_gone(4));
  life.gone(4, now);
  begin_again(100ms);
  BOOST_TEST(life.incarnation() == 1);
  BOOST_TEST(!life.joined(3, 0, now));  // a late word of the first incarnation
  join_both();
}

BOOST_AUTO_TEST_CASE(a_rank_that_does_not_end_is_killed_after_the_grace) {
  join_both();
  life.failed(now);
  life.gone(3, now);
  BOOST_TEST((life.next() == now + ReplicaLife::grace));
  now += ReplicaLife::grace;
  BOOST_TEST((life.due(now) == Deed::kill));
  BOOST_TEST((life.due(now) == Deed::nothing));
  life.gone(4, now);
  BOOST_TEST((life.phase() == LifePhase::pausing));
}

BOOST_AUTO_TEST_CASE(pauses_double_and_too_many_failures_end_it) {
  join_both();
  fail_both();
  begin_again(100ms);
  fail_both();  // while it starts
  begin_again(200ms);
  join_both();
  fail_both();
  BOOST_TEST((life.phase() == LifePhase::given_up));
  BOOST_TEST(!life.next().has_value());
  BOOST_TEST((life.due(now + 1h) == Deed::nothing));
  BOOST_TEST(!life.failed(now));
  BOOST_TEST(!life.joined(3, life.incarnation(), now));
}

BOOST_AUTO_TEST_CASE(failures_are_forgotten_after_the_window) {
  join_both();
  for (int i = 0; i < 20; ++i) {
    fail_both();
    begin_again(100ms);
    join_both();
    now += 61s;
  }
  BOOST_TEST(life.incarnation() == 20);
}

BOOST_AUTO_TEST_CASE(a_pause_doubles_only_after_a_service_that_was_shorter) {
  Two often{.life = {{.stage_id = 1, .index = 0, .first_rank = 3, .ranks = 2},
                     {.max_failures = 1000, .failure_window = 1h, .restart_backoff = 100ms}}};
  const auto serve_for = [&](std::chrono::milliseconds time) {
    often.join_both();
    often.now += time;
    often.fail_both();
  };
  serve_for(0ms);
  often.begin_again(100ms);
  serve_for(100ms);
  often.begin_again(200ms);
  serve_for(201ms);
  often.begin_again(100ms);
  for (const auto pause : {200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10000ms, 10000ms}) {
    serve_for(50ms);
    often.begin_again(pause);
  }
  serve_for(11s);
  often.begin_again(100ms);
}

BOOST_AUTO_TEST_CASE(a_start_that_takes_too_long_has_failed) {
  join_both();
  fail_both();
  begin_again(100ms);
  life.joined(3, 1, now);
  now += ReplicaLife::start_limit;
  BOOST_TEST((life.due(now) == Deed::kill));
  BOOST_TEST((life.phase() == LifePhase::ending));
  life.gone(3, now);
  life.gone(4, now);
  begin_again(200ms);  // the first failure is not forgotten: it has not served since
  fail_both();
  BOOST_TEST((life.phase() == LifePhase::given_up));
}

BOOST_AUTO_TEST_SUITE_END()
