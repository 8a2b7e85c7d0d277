// Prompt in, text and hidden states out; and what it cannot serve.
#include <boost/test/unit_test.hpp>

#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "tests/stages/collected.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;

namespace {

struct Thinking {
  StageConfig config;
  std::unique_ptr<Device> device = make_cpu_device();
  std::unique_ptr<Stage> stage;
  Thinking() {
    config.model_stage = "thinker";
    config.shape.max_model_len = 40;
    stage = std::move(*make_stage(config, *device, nullptr));
  }
  static Request request(std::uint64_t number, std::string prompt, int max_tokens) {
    Request request{number, "the-request", std::move(prompt), {}};
    request.sampling.max_tokens = max_tokens;
    return request;
  }
  Collected answer(std::uint64_t number) {
    Collected out;
    StepState state = StepState::more;
    while (state == StepState::more) state = *step_one(*stage, number, out);
    BOOST_TEST((state == StepState::done));
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thinker, Thinking)

BOOST_AUTO_TEST_CASE(each_token_gives_its_text_and_the_states_of_what_it_was_fed) {
  BOOST_REQUIRE(stage->begin(request(1, "Hello", 3)).ok());
  const Collected out = answer(1);
  const auto hidden = static_cast<std::uint32_t>(config.shape.hidden);
  const auto& states = out.of(Thinker::hidden_port);
  BOOST_REQUIRE(states.size() == 3u);
  BOOST_TEST(states[0].tensor.shape[0] == 5u);  // a token for each byte of the prompt
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST((states[i].tensor.dtype == ipc::DType::float32));
    BOOST_TEST(states[i].tensor.shape[1] == hidden);
    BOOST_TEST(states[i].data.size() == *states[i].tensor.bytes());
    BOOST_TEST(states[i].last == (i == 2));
    if (i > 0) BOOST_TEST(states[i].tensor.shape[0] == 1u);
  }
  BOOST_TEST(!out.text().empty());
  BOOST_TEST(out.of(Thinker::text_port).back().last);
  BOOST_TEST(stage->tokens_out(1) == 3u);
  stage->end(1);
}

BOOST_AUTO_TEST_CASE(requests_in_turns_give_what_each_gives_alone) {
  BOOST_REQUIRE(stage->begin(request(1, "Hello", 6)).ok());
  const std::string alone = answer(1).text();
  stage->end(1);
  BOOST_REQUIRE(stage->begin(request(2, "Hello", 6)).ok());
  BOOST_REQUIRE(stage->begin(request(3, "Another", 6)).ok());
  Collected second, third;
  for (int i = 0; i < 6; ++i) {
    BOOST_TEST(step_one(*stage, 2, second).ok());
    BOOST_TEST(step_one(*stage, 3, third).ok());
  }
  BOOST_TEST(second.text() == alone);
  BOOST_TEST(third.text() != alone);
}

BOOST_AUTO_TEST_CASE(a_stop_token_ends_the_answer_and_is_not_in_it) {
  BOOST_REQUIRE(stage->begin(request(1, "Hello", 6)).ok());
  const std::string whole = answer(1).text();
  Request stopped = request(2, "Hello", 6);
  for (int token = 0; token < config.shape.vocab; ++token)
    stopped.sampling.stop_token_ids.push_back(token);
  BOOST_REQUIRE(stage->begin(stopped).ok());
  const Collected out = answer(2);
  BOOST_TEST(out.text() == "");
  BOOST_TEST(out.of(Thinker::text_port).size() == 1u);
  BOOST_TEST(!whole.empty());
}

BOOST_AUTO_TEST_CASE(what_it_cannot_serve_is_refused_with_both_numbers) {
  const auto empty = stage->begin(request(1, "", 3)),
             long_one = stage->begin(request(1, "Hello", 36));
  BOOST_REQUIRE(!empty.ok());
  BOOST_TEST((empty.error().code == ErrorCode::invalid_argument));
  BOOST_TEST(empty.error().message == "request 'the-request': the prompt is empty");
  BOOST_REQUIRE(!long_one.ok());
  BOOST_TEST(long_one.error().message ==
             "request 'the-request': 5 prompt tokens and max_tokens 36 exceed max_model_len 40");
  BOOST_TEST(stage->begin(request(1, "Hello", 35)).ok());
  const auto chunk = stage->consume(1, 0, ipc::TensorSpec::of(ipc::DType::int32, {1}), {}, true);
  BOOST_REQUIRE(!chunk.ok());
  BOOST_TEST((chunk.error().code == ErrorCode::corrupt));
}

BOOST_AUTO_TEST_SUITE_END()
