// What a running pipeline promises to whoever submits requests to it.
#include <boost/test/unit_test.hpp>

#include "tests/actors/orchestrator/running_engine.hpp"

using namespace limelight;
using namespace limelight::actors;
using namespace limelight::tests;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(engine_requests)

BOOST_FIXTURE_TEST_CASE(a_request_without_a_name_is_called_by_its_place, RunningEngine) {
  submit(asking("first", 2));
  submit(asking("", 2));
  submit(asking("", 2), 3);  // the fourth answer of a request that asked for several
  BOOST_TEST(end_of("first").error.message == "");
  BOOST_TEST(end_of("1").error.message == "");
  BOOST_TEST(end_of("2").index == 3);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_served_ends_at_once_with_the_reason, RunningEngine) {
  const auto reason = [this](GenerateRequest request) {
    request.request_id = "it";
    last.clear();
    submit(std::move(request));
    const RequestOutput out = end_of("it");
    BOOST_TEST((out.error.code == ErrorCode::invalid_argument));
    return out.error.message;
  };
  GenerateRequest several = asking("", 2);
  several.sampling_params->n = 2;
  BOOST_TEST(reason(several).starts_with("request 'it': n: found 2, expected 1"));
  GenerateRequest late = asking("", 2);
  late.deadline = -1ms;
  BOOST_TEST(reason(late) == "request 'it': deadline: found -1 ms, expected 0 (none) or more");
  GenerateRequest both = asking("", 2);
  both.prompt_token_ids = {1, 2};
  BOOST_TEST(reason(both) ==
             "request 'it': found 2 of prompt, messages and prompt_token_ids, expected one");
  GenerateRequest hot = asking("", 2);
  hot.sampling_params->temperature = -1;
  BOOST_TEST(reason(hot).starts_with("request 'it': temperature: found -1"));
  GenerateRequest picture = asking("", 2);
  picture.modalities = {"picture"};
  BOOST_TEST(reason(picture).find("picture") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(who_gives_up_gets_one_end_and_the_others_go_on, RunningEngine) {
  const auto ticket = submit(endless("left"));
  submit(asking("stays", 5));
  engine->abort(ticket, "the client has gone");
  engine->abort(ticket, "again");
  engine->abort(ticket + 1000, "nobody's");
  BOOST_TEST((end_of("left").error.code == ErrorCode::cancelled));
  BOOST_TEST(end_of("left").error.message == "the client has gone");
  BOOST_TEST(end_of("left").answer.finish_reason == "abort");
  BOOST_TEST(end_of("stays").error.message == "");
  BOOST_TEST(ends["left"] == 1);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_ends_a_request_with_both_numbers, RunningEngine) {
  GenerateRequest late = endless("late");
  late.deadline = 1ms;
  submit(std::move(late));
  const RequestOutput out = end_of("late");
  BOOST_TEST((out.error.code == ErrorCode::timeout));
  BOOST_TEST(out.error.message.ends_with("expected its end within deadline_ms 1"));
}

BOOST_AUTO_TEST_SUITE_END()
