// How a pipeline begins and ends. Its requests: test_engine_requests.cpp.
#include <boost/test/unit_test.hpp>

#include "tests/actors/orchestrator/running_engine.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(engine)

BOOST_AUTO_TEST_CASE(arguments_out_of_range_start_nothing) {
  const Folder folder;
  const auto config = write_file(folder.path / "one.yaml", one_thinker_yaml);
  const auto error_of = [](const EngineArgs& args) {
    const auto started = Engine::start(args);
    return started ? "it started" : started.error().message;
  };
  BOOST_TEST(error_of({.config = config, .rank_timeout = 99ms}) ==
             "rank_timeout: found 99 ms, expected 100 ms or more");
  const std::string supervision =
      error_of({.config = config, .supervision = stages::Supervision{.max_failures = 0}});
  BOOST_TEST(supervision.starts_with("supervision: found max_failures 0, "), supervision);
  BOOST_TEST(
      (Engine::start({.config = folder.path / "none.yaml"}).error().code == ErrorCode::not_found));
}

BOOST_FIXTURE_TEST_CASE(the_first_failure_ends_what_is_open_and_whatever_comes, RunningEngine) {
  submit(endless("open"));
  engine->fail({ErrorCode::io, "the disk"});
  engine->fail({ErrorCode::io, "another"});
  submit(asking("later", 2));
  BOOST_TEST(end_of("open").error.message == "the disk");
  BOOST_TEST(end_of("later").error.message == "the disk");
  BOOST_TEST(engine->status().why == "the disk");
}

BOOST_FIXTURE_TEST_CASE(a_drain_refuses_what_comes_and_counts_what_it_cancels, RunningEngine) {
  submit(endless("open"));
  const auto drained = engine->drain(1ms);
  BOOST_TEST((drained.error().code == ErrorCode::timeout));
  BOOST_TEST(drained.error().message.starts_with("1 requests were not over within 1 ms"));
  submit(asking("later", 2));
  BOOST_TEST((end_of("open").error.code == ErrorCode::cancelled));
  BOOST_TEST((end_of("later").error.code == ErrorCode::cancelled));
}

BOOST_FIXTURE_TEST_CASE(what_is_open_at_the_end_is_cancelled, RunningEngine) {
  submit(endless("open"));
  engine.reset();
  BOOST_TEST(end_of("open").error.message == "the pipeline was ended");
  BOOST_TEST(ends["open"] == 1);
}

BOOST_AUTO_TEST_SUITE_END()
