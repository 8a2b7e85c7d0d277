// What becomes of the keys of a completion.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/http/completion_request.hpp"

using namespace limelight;
using namespace limelight::http;
using nlohmann::json;

namespace {
const PipelineFacts facts{
    .model = "m", .outputs = {"text", "audio"}, .defaults = {.temperature = 0.4f, .top_k = 50}};
CompletionRequest read(const json& body, bool chat) {
  auto request = read_completion(body, chat, facts);
  if (!request) BOOST_FAIL(request.error().message);
  return std::move(request).value();
}
}  // namespace

BOOST_AUTO_TEST_SUITE(completion_request)

BOOST_AUTO_TEST_CASE(all_sampling_parameters_under_their_names) {
  const auto request = read({{"model", "m"},
                             {"messages",
                              {{{"role", "developer"}, {"content", "Be brief"}},
                               {{"role", "user"}, {"content", "Hello"}, {"name", "x"}}}},
                             {"max_completion_tokens", 9},
                             {"temperature", 0.5},
                             {"top_p", 0.25},
                             {"min_p", 0.125},
                             {"seed", -1},
                             {"stop", "end"},
                             {"n", 3},
                             {"presence_penalty", 1},
                             {"frequency_penalty", -1},
                             {"repetition_penalty", 1.5},
                             {"logit_bias", {{"7", -100}}},
                             {"ignore_eos", true},
                             {"stop_token_ids", {4}},
                             {"min_tokens", 2},
                             {"logprobs", true},
                             {"top_logprobs", 4}},
                            true);
  BOOST_TEST(request.n == 3);
  BOOST_TEST(request.text);
  BOOST_TEST(!request.audio);
  BOOST_REQUIRE(request.prompts.size() == 1u);
  const GenerateRequest& prompt = request.prompts[0];
  BOOST_TEST(prompt.messages[0].role == "system");
  BOOST_TEST(prompt.messages[1].content == "Hello");
  BOOST_TEST((prompt.modalities == std::vector<std::string>{"text"}));
  const stages::SamplingParams& params = *prompt.sampling_params;
  BOOST_TEST(*params.max_tokens == 9);
  BOOST_TEST(params.temperature == 0.5f);
  BOOST_TEST(params.top_p == 0.25f);
  BOOST_TEST(params.top_k == 50);  // the config's
  BOOST_TEST(params.min_p == 0.125f);
  BOOST_TEST(*params.seed == ~std::uint64_t{0});
  BOOST_TEST((params.stop == std::vector<std::string>{"end"}));
  BOOST_TEST(params.presence_penalty == 1.0f);
  BOOST_TEST(params.frequency_penalty == -1.0f);
  BOOST_TEST(params.repetition_penalty == 1.5f);
  BOOST_TEST(params.logit_bias.at(7) == -100.0f);
  BOOST_TEST(params.ignore_eos);
  BOOST_TEST((params.stop_token_ids == std::vector<int>{4}));
  BOOST_TEST(params.min_tokens == 2);
  BOOST_TEST(params.logprobs == 4);
}

BOOST_AUTO_TEST_CASE(what_is_not_said_is_as_openai_has_it) {
  const auto chat = read({{"messages", {{{"role", "user"}, {"content", "x"}}}}}, true);
  BOOST_TEST(!chat.prompts[0].sampling_params->max_tokens.has_value());
  BOOST_TEST(chat.prompts[0].sampling_params->logprobs == -1);
  BOOST_TEST(!chat.stream);
  const auto text = read({{"prompt", {"a", "b"}}, {"top_logprobs", 3}}, false);
  BOOST_REQUIRE(text.prompts.size() == 2u);
  BOOST_TEST(*text.prompts[1].sampling_params->max_tokens == 16);
  BOOST_TEST(!text.prompts[1].use_chat_template);
  BOOST_TEST(!text.logprobs);
  const PipelineFacts voice{.model = "v", .outputs = {"audio"}};
  const auto spoken = read_completion({{"prompt", "a"}}, false, voice);
  BOOST_REQUIRE(spoken.ok());
  BOOST_TEST(spoken->audio);
  BOOST_TEST(!spoken->text);
}

BOOST_AUTO_TEST_CASE(a_conversation_may_have_calls_of_tools_as_openai_writes_them) {
  const std::string body = R"({"messages": [{"role": "user", "content": "x"},
      {"role": "assistant", "content": null, "refusal": null, "tool_calls": [{"id": "1",
        "type": "function", "function": {"name": "f", "arguments": "{\"z\": 1, \"a\": [2]}"}}]},
      {"role": "tool", "tool_call_id": "1", "content": "3"}]})";
  const auto request = read_completion(json::parse(body), true, facts, body);
  if (!request) BOOST_FAIL(request.error().message);
  const auto& messages = request->prompts[0].messages;
  BOOST_REQUIRE(messages.size() == 3u);
  BOOST_TEST(!messages[1].has_content);
  BOOST_TEST(messages[1].fields == R"({"tool_calls":[{"id":"1","type":"function","function":)"
                                   R"({"name":"f","arguments":{"z":1,"a":[2]}}}]})");
  BOOST_TEST(messages[2].fields == R"({"tool_call_id":"1"})");
  json offered = json::parse(body);
  offered["tools"] = json::parse(R"([{"type": "function"}])");
  BOOST_TEST(read_completion(offered, true, facts).error().message ==
             "key 'tools': found a list, expected none: tools are not called here");
}

BOOST_AUTO_TEST_CASE(prompts_of_all_four_kinds) {
  BOOST_TEST(read({{"prompt", "a"}}, false).prompts[0].prompt == "a");
  BOOST_TEST((read({{"prompt", {1, 2}}}, false).prompts[0].prompt_token_ids ==
              std::vector<std::int32_t>{1, 2}));
  const auto lists = read({{"prompt", {{1}, {2, 3}}}}, false);
  BOOST_REQUIRE(lists.prompts.size() == 2u);
  BOOST_TEST((lists.prompts[1].prompt_token_ids == std::vector<std::int32_t>{2, 3}));
  for (const json& bad : {json(1), json::array(), json{"a", 1}, json{json::array()}, json{1, "a"}})
    BOOST_TEST(!read_completion({{"prompt", bad}}, false, facts).ok(), bad.dump());
}

BOOST_AUTO_TEST_SUITE_END()
