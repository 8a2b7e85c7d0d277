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

BOOST_AUTO_TEST_CASE(an_answer_says_how_it_ended_and_what_it_counts) {
  BOOST_REQUIRE(stage->begin(request(1, "Hello", 6)).ok());
  const Collected whole = answer(1);
  const AnswerInfo by_length = stage->answer(1);
  BOOST_TEST(by_length.finish_reason == "length");
  BOOST_TEST(by_length.prompt_tokens == 5u);
  BOOST_TEST(by_length.output_tokens == 6u);
  BOOST_TEST(by_length.stop_token_id == -1);
  BOOST_TEST(by_length.logprobs.empty());
  // A stop string that begins in the third character and is longer than a token.
  const std::string text = whole.text();
  BOOST_REQUIRE(text.size() > 6u);
  Request stopped = request(2, "Hello", 6);
  stopped.sampling.stop = {"never in it", text.substr(2, 4)};
  stopped.sampling.logprobs = 3;
  stopped.sampling.seed = 77;
  BOOST_REQUIRE(stage->begin(stopped).ok());
  BOOST_TEST(answer(2).text() == text.substr(0, text.find(text.substr(2, 4))));
  const AnswerInfo by_string = stage->answer(2);
  BOOST_TEST(by_string.finish_reason == "stop");
  BOOST_TEST(by_string.stop_string == text.substr(2, 4));
  BOOST_TEST(by_string.seed == 77u);
  BOOST_REQUIRE(by_string.logprobs.size() == by_string.output_tokens);
  for (const PositionLogprobs& position : by_string.logprobs) {
    BOOST_TEST(position.top.size() == 3u);
    BOOST_TEST(position.chosen.token_id == position.top[0].token_id);  // greedy
    BOOST_TEST(!position.chosen.token.empty());
  }
  Request by_token = request(3, "Hello", 6);
  by_token.sampling.stop_token_ids = {by_string.logprobs[0].chosen.token_id};
  BOOST_REQUIRE(stage->begin(by_token).ok());
  BOOST_TEST(answer(3).text() == "");
  BOOST_TEST(stage->answer(3).finish_reason == "stop");
  BOOST_TEST(stage->answer(3).stop_token_id == by_token.sampling.stop_token_ids[0]);
  by_token.number = 4;
  by_token.sampling.min_tokens = 2;
  BOOST_REQUIRE(stage->begin(by_token).ok());
  (void)answer(4);
  BOOST_TEST(stage->answer(4).output_tokens >= 2u);
}

BOOST_AUTO_TEST_CASE(messages_and_tokens_are_prompts_too) {
  Request plain = request(1, "user\nHi\nassistant\n", 3), chat = request(2, "", 3),
          tokens = request(3, "", 3);
  chat.messages = {{"user", "Hi"}};
  for (const char c : plain.prompt) tokens.prompt_token_ids.push_back(c);
  std::string texts[3];
  for (const Request* r : {&plain, &chat, &tokens}) {
    BOOST_REQUIRE(stage->begin(*r).ok());
    texts[r->number - 1] = answer(r->number).text();
  }
  BOOST_TEST(texts[1] == texts[0]);
  BOOST_TEST(texts[2] == texts[0]);
  chat.messages.push_back({"function", "4"});
  BOOST_TEST(stage->begin(chat).error().message ==
             "request 'the-request': messages[1]: found role 'function', expected system, user, "
             "assistant or tool");
  tokens.prompt_token_ids[1] = 512;
  BOOST_TEST(stage->begin(tokens).error().message ==
             "request 'the-request': prompt_token_ids[1]: found 512, expected 0 to 511, the tokens "
             "of the model");
  plain.sampling.logit_bias[600] = 1;
  BOOST_TEST(stage->begin(plain).error().message ==
             "request 'the-request': logit_bias: found token 600, expected 0 to 511, the tokens of "
             "the model");
}

BOOST_AUTO_TEST_CASE(a_prompt_that_finds_its_beginning_but_no_room_keeps_nothing_from_others) {
  config.cache.block_size = 4;
  config.cache.blocks = 10;  // 40 tokens
  stage = std::move(*make_stage(config, *device, nullptr));
  BOOST_REQUIRE(stage->begin(request(1, std::string(20, 'a'), 1)).ok());
  (void)answer(1);
  stage->end(1);  // its five blocks can be found
  BOOST_REQUIRE(stage->begin(request(2, std::string(20, 'b'), 1)).ok());
  BOOST_TEST(stage->reserve(2, 20));
  BOOST_REQUIRE(stage->begin(request(3, std::string(20, 'a') + std::string(16, 'c'), 1)).ok());
  BOOST_TEST(!stage->reserve(3, 36));
  BOOST_REQUIRE(stage->begin(request(4, std::string(20, 'd'), 1)).ok());
  BOOST_TEST(stage->reserve(4, 20));
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
  Request unstated = request(2, "Hello", 1);
  unstated.sampling.max_tokens.reset();
  BOOST_REQUIRE(stage->begin(unstated).ok());
  BOOST_TEST(answer(2).of(Thinker::text_port).size() == 35u);  // of 64, what fits
  Request full = request(3, std::string(40, 'x'), 1);
  full.sampling.max_tokens.reset();
  BOOST_TEST(stage->begin(full).error().message ==
             "request 'the-request': 40 prompt tokens leave no room for an answer in "
             "max_model_len 40");
  const auto chunk = stage->consume(1, 0, ipc::TensorSpec::of(ipc::DType::int32, {1}), {}, true);
  BOOST_REQUIRE(!chunk.ok());
  BOOST_TEST((chunk.error().code == ErrorCode::corrupt));
}

BOOST_AUTO_TEST_SUITE_END()
