// Answers of completions, whole and in chunks.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "actors/http/completion_answer.hpp"

using namespace limelight;
using namespace limelight::http;
using nlohmann::json;

namespace {

RequestOutput output(const std::string& text, int index = 0) {
  RequestOutput out;
  out.text = text;
  out.index = index;
  out.answer.finish_reason = "stop";
  out.answer.stop_string = "end";
  out.answer.prompt_tokens = 5;
  out.answer.output_tokens = 2;
  const TokenLogprob never{.token_id = 2, .logprob = -INFINITY, .rank = 2, .token = "b"};
  out.answer.logprobs = {
      {.chosen = {.token_id = 1, .logprob = -0.5f, .rank = 1, .token = "\xc3"}, .top = {never}}};
  return out;
}
CompletionRequest asked(bool chat) {
  CompletionRequest request{.chat = chat};
  request.text = request.logprobs = true;
  request.audio = false;
  request.n = 2;
  return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(completion_answer)

BOOST_AUTO_TEST_CASE(a_whole_chat_counts_the_prompt_once_for_its_answers) {
  const CompletionAnswer answer(asked(true), "id", "m");
  const auto text = answer.whole({output("one"), output("two", 1)});
  BOOST_REQUIRE(text.ok());
  const json all = json::parse(*text);
  BOOST_TEST(all["id"] == "chatcmpl-id");
  BOOST_TEST(all["object"] == "chat.completion");
  BOOST_TEST(all["model"] == "m");
  BOOST_REQUIRE(all["choices"].size() == 2u);
  BOOST_TEST(all["choices"][1]["index"] == 1);
  BOOST_TEST(all["choices"][1]["message"]["content"] == "two");
  BOOST_TEST(all["choices"][0]["finish_reason"] == "stop");
  BOOST_TEST(all["choices"][0]["stop_reason"] == "end");
  BOOST_TEST(all["usage"]["prompt_tokens"] == 5);
  BOOST_TEST(all["usage"]["completion_tokens"] == 4);
  BOOST_TEST(all["usage"]["total_tokens"] == 9);
}

BOOST_AUTO_TEST_CASE(logprobs_are_json_whatever_the_tokens_and_their_chances_are) {
  const json chat = json::parse(*CompletionAnswer(asked(true), "i", "m").whole({output("x")}));
  const json& position = chat["choices"][0]["logprobs"]["content"][0];
  BOOST_TEST(position["bytes"] == json({0xc3}));
  BOOST_TEST(position["top_logprobs"][0]["logprob"] == -9999.0);
  const json plain = json::parse(*CompletionAnswer(asked(false), "i", "m").whole({output("x")}));
  BOOST_TEST(plain["object"] == "text_completion");
  BOOST_TEST(plain["choices"][0]["text"] == "x");
  const json& listed = plain["choices"][0]["logprobs"];
  BOOST_TEST(listed["token_logprobs"] == json({-0.5}));
  BOOST_TEST(listed["top_logprobs"][0].size() == 2u);  // the chosen one is among them
}

BOOST_AUTO_TEST_CASE(a_stream_begins_goes_on_and_ends) {
  CompletionRequest request = asked(true);
  request.include_usage = true;
  const CompletionAnswer answer(request, "id", "m");
  const json begin = json::parse(answer.begin(1));
  BOOST_TEST(begin["object"] == "chat.completion.chunk");
  BOOST_TEST(begin["choices"][0]["index"] == 1);
  BOOST_TEST(begin["choices"][0]["delta"]["role"] == "assistant");
  BOOST_TEST(begin["choices"][0]["finish_reason"].is_null());
  BOOST_TEST(begin["usage"].is_null());
  CompletionAnswer::Sent sent;
  const json first = json::parse(answer.text(1, "h", {}, sent));
  BOOST_TEST(first["choices"][0]["delta"]["content"] == "h");
  BOOST_TEST(first["choices"][0]["logprobs"].is_null());
  const RequestOutput last = output("hi", 1);
  const json text = json::parse(answer.text(1, "i", last.answer.logprobs, sent));
  BOOST_TEST(text["choices"][0]["delta"]["content"] == "i");
  BOOST_TEST(text["choices"][0]["logprobs"]["content"].size() == 1u);
  // What the text brought does not come again; the rest does.
  BOOST_TEST(json::parse(answer.end(1, last, sent))["choices"][0]["logprobs"].is_null());
  const json end = json::parse(answer.end(1, last, {}));
  BOOST_TEST(end["choices"][0]["finish_reason"] == "stop");
  BOOST_TEST(end["choices"][0]["logprobs"]["content"].size() == 1u);
  const json usage = json::parse(answer.usage({output("a"), output("b", 1)}));
  BOOST_TEST(usage["choices"].empty());
  BOOST_TEST(usage["usage"]["total_tokens"] == 9);
}

BOOST_AUTO_TEST_SUITE_END()
