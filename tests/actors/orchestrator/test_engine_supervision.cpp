// A rank that dies under a running engine. More of them, and under load: test_supervision.cpp.
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "tests/actors/orchestrator/running_engine.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(engine_supervision)

BOOST_FIXTURE_TEST_CASE(what_a_dead_rank_worked_on_fails_and_what_comes_later_is_served,
                        RunningEngine) {
  submit(asking("before", 3));
  const RequestOutput calm = end_of("before");
  submit(endless("open"));
  const int pid = engine->rank_pid(0);
  BOOST_REQUIRE(pid > 0);
  BOOST_REQUIRE(::kill(pid, SIGKILL) == 0);
  const RequestOutput open = end_of("open");
  BOOST_TEST((open.error.code == ErrorCode::rank_failed));
  BOOST_TEST(open.error.message.find("rank 0, pid " + std::to_string(pid)) != std::string::npos,
             open.error.message);
  submit(asking("after", 3));  // waits for the new rank
  BOOST_TEST(end_of("after").error.message == "");
  BOOST_TEST(end_of("after").text == calm.text);
  BOOST_TEST(ends["open"] == 1);
  const PipelineStatus status = engine->status();
  BOOST_TEST((status.health == Health::running));
  BOOST_REQUIRE(status.replicas.size() == 1u);
  BOOST_TEST(status.replicas[0].restarts == 1);
  BOOST_TEST(engine->rank_pid(0) != pid);
}

BOOST_AUTO_TEST_SUITE_END()
