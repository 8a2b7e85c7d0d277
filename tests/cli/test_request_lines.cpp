// Requests as lines of JSON, and what is said about those that are wrong.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "cli/request_lines.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
using namespace limelight::tests;

namespace {

GenerateRequest read(const char* line, const stages::SamplingParams& defaults = {}) {
  auto request = read_request(nlohmann::json::parse(line), defaults);
  if (!request) BOOST_FAIL(request.error().message);
  return std::move(request).value();
}
std::string line_refusal(const std::string& line) {
  const auto request = read_request(nlohmann::json::parse(line, nullptr, false), {});
  return request ? "accepted" : request.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_lines)

BOOST_AUTO_TEST_CASE(parameters_stand_at_the_top_or_in_an_object_and_defaults_hold_for_the_rest) {
  const auto request = read(
      R"({"prompt": "Hi", "request_id": "a-1", "deadline_ms": 250, "temperature": 0.5, "top_k": 7,
          "seed": 18446744073709551615, "stop": "END", "n": 2, "logprobs": 3, "max_tokens": null,
          "sampling_params": {"top_p": 0.9, "min_p": 0.1, "logit_bias": {"5": -1.5},
                              "stop_token_ids": [1, 2], "ignore_eos": true,
                              "presence_penalty": -1, "frequency_penalty": 1}})",
      {.max_tokens = 12, .repetition_penalty = 1.5f});
  BOOST_TEST(request.prompt == "Hi");
  BOOST_TEST(request.request_id == "a-1");
  BOOST_TEST(request.deadline.count() == 250);
  const stages::SamplingParams& p = *request.sampling_params;
  BOOST_TEST(p.temperature == 0.5f);
  BOOST_TEST(p.top_k == 7);
  BOOST_TEST(p.seed.value() == 18446744073709551615u);
  BOOST_TEST((p.stop == std::vector<std::string>{"END"}));
  BOOST_TEST(p.n == 2);
  BOOST_TEST(p.logprobs == 3);
  BOOST_TEST(p.top_p == 0.9f);
  BOOST_TEST(p.min_p == 0.1f);
  BOOST_TEST(p.logit_bias.at(5) == -1.5f);
  BOOST_TEST((p.stop_token_ids == std::vector<int>{1, 2}));
  BOOST_TEST(p.ignore_eos);
  BOOST_TEST(p.presence_penalty == -1);
  BOOST_TEST(p.frequency_penalty == 1);
  BOOST_TEST(p.max_tokens.value() == 12);
  BOOST_TEST(p.repetition_penalty == 1.5f);
  BOOST_TEST(!read(R"({"prompt": "Hi"})").sampling_params->max_tokens.has_value());
}

BOOST_AUTO_TEST_CASE(a_prompt_is_a_text_messages_or_tokens) {
  auto chat = read(R"({"messages": [{"role": "user", "content": "Hi"}]})");
  BOOST_TEST(chat.messages.size() == 1u);
  add_system("Be brief", chat);
  BOOST_REQUIRE(chat.messages.size() == 2u);
  BOOST_TEST(chat.messages[0].role == "system");
  BOOST_TEST(chat.messages[0].content == "Be brief");
  add_system("Be long", chat);
  BOOST_TEST(chat.messages.size() == 2u);  // it has one already
  auto plain = read(R"({"prompt": "Hi"})");
  add_system("Be brief", plain);
  BOOST_TEST(plain.prompt == "");
  BOOST_REQUIRE(plain.messages.size() == 2u);
  BOOST_TEST(plain.messages[1].role == "user");
  BOOST_TEST(plain.messages[1].content == "Hi");
  auto tokens = read(R"({"prompt_token_ids": [5, 6]})");
  add_system("Be brief", tokens);
  BOOST_TEST((tokens.prompt_token_ids == std::vector<int>{5, 6}));
  BOOST_TEST(tokens.messages.empty());
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named_with_what_was_found_and_expected) {
  const std::pair<const char*, const char*> cases[] = {
      {"nonsense", "found no JSON object, expected one"},
      {"[1]", "found no JSON object, expected one"},
      {"{}", "found none of the keys prompt, messages and prompt_token_ids, expected one"},
      {R"({"prompt": "a", "prompt_token_ids": [1]})", "found 2 of the keys prompt, messages"},
      {R"({"prompt": 5})", "key 'prompt': found 5, expected a text"},
      {R"({"prompt": "a", "temprature": 1})",
       "key 'temprature': found an unknown key, expected one of attachments, deadline_ms, "
       "messages, mm_processor_kwargs, modalities,"},
      {R"({"prompt": "a", "sampling_params": {"prompt": "b"}})",
       "key 'sampling_params.prompt': found an unknown key, expected one of frequency_penalty,"},
      {R"({"prompt": "a", "temperature": "hot"})",
       "key 'temperature': found \"hot\", expected a number"},
      {R"({"prompt": "a", "temperature": -1})", "key 'temperature': found -1, expected 0 or more"},
      {R"({"prompt": "a", "max_tokens": 1.5})",
       "key 'max_tokens': found 1.5, expected a whole number"},
      {R"({"prompt": "a", "max_tokens": 0})", "key 'max_tokens': found 0, expected 1 to 1048576"},
      {R"({"prompt": "a", "seed": -1})",
       "key 'seed': found -1, expected a whole number, 0 or more"},
      {R"({"prompt": "a", "top_k": 99999999999999999999})", "key 'top_k': found "},
      {R"({"prompt": "a", "ignore_eos": 1})", "key 'ignore_eos': found 1, expected true or false"},
      {R"({"prompt": "a", "stop": [1]})",
       "key 'stop': found 1, expected a text or a list of texts"},
      {R"({"prompt": "a", "stop_token_ids": 1})",
       "key 'stop_token_ids': found 1, expected a list of whole numbers"},
      {R"({"prompt": "a", "logit_bias": {"x": 1}})", "key 'logit_bias': found 'x', expected an"},
      {R"({"prompt": "a", "deadline_ms": 0})", "key 'deadline_ms': found 0, expected 1 or more"},
      {R"({"prompt": "a", "request_id": "../b"})", "key 'request_id': found '../b', expected 1 to"},
      {R"({"prompt": "a", "request_id": 7})", "key 'request_id': found 7, expected a text"},
      {R"({"messages": []})", "key 'messages': found a list, expected a list of messages"},
      {R"({"messages": [{"role": "user"}]})",
       "key 'messages[0]': found no content, expected role and content"},
      {R"({"messages": [{"role": "function", "content": "a"}]})",
       "key 'messages[0].role': found 'function', expected system, user, assistant or tool"},
      {R"({"prompt": "a", "tools": [1]})",
       "key 'tools': found [1], expected none: tools are not offered to models here"},
      {R"({"messages": [{"role": "user", "content": [1]}]})",
       "key 'messages[0].content[0]': found 1, expected an object with the type text"},
      {R"({"prompt_token_ids": []})", "key 'prompt_token_ids': found an empty list"},
  };
  for (const auto& [line, expected] : cases)
    BOOST_TEST(line_refusal(line).starts_with(expected), line_refusal(line));
}

BOOST_AUTO_TEST_CASE(a_file_is_checked_to_its_last_line_before_its_first_request) {
  const Folder folder;
  const auto file = folder.path / "p.jsonl";
  std::string text;
  for (int i = 0; i < 9000; ++i) text += "{\"prompt\": \"a\"}\n";
  const auto wrong = RequestLines::open(write_file(file, text + "\n{\"prompt\": 3}\n"), {});
  BOOST_REQUIRE(!wrong.ok());
  BOOST_TEST(wrong.error().message ==
             file.string() + ":9002: key 'prompt': found 3, expected a text");
  auto lines =
      RequestLines::open(write_file(file, "\n" + text + "{\"prompt\": \"z\", \"n\": 3}"), {});
  if (!lines) BOOST_FAIL(lines.error().message);
  BOOST_TEST(lines->answers() == 9003u);
  for (int i = 0; i < 9000; ++i) {
    const auto request = *lines->next({});
    BOOST_REQUIRE(request.has_value());
    BOOST_REQUIRE(request->request_id == std::to_string(i));
  }
  BOOST_TEST((*lines->next({}))->prompt == "z");
  BOOST_TEST(!lines->next({})->has_value());
}

BOOST_AUTO_TEST_CASE(a_request_id_is_that_of_one_request) {
  const Folder folder;
  const auto file = folder.path / "p.jsonl";
  const auto open = [&](const char* text) {
    const auto lines = RequestLines::open(write_file(file, text), {});
    return lines ? "accepted" : lines.error().message;
  };
  BOOST_TEST(
      open("{\"prompt\": \"a\", \"request_id\": \"x\"}\n"
           "{\"prompt\": \"a\", \"request_id\": \"y\"}\n"
           "{\"prompt\": \"a\", \"request_id\": \"x\"}\n") ==
      file.string() +
          ":3: key 'request_id': found 'x', which is that of line 1, expected one of its own");
  // The names of files of n answers, and of requests without a request_id, count, too.
  BOOST_TEST(open("{\"prompt\": \"a\", \"request_id\": \"1\"}\n{\"prompt\": \"a\"}\n")
                 .find(":2: key 'request_id': found '1'") != std::string::npos);
  BOOST_TEST(open("{\"prompt\": \"a\", \"n\": 2}\n{\"prompt\": \"a\", \"request_id\": \"0.1\"}\n")
                 .find(":2: key 'request_id': found '0.1'") != std::string::npos);
  BOOST_TEST(open("\n").find("found no request") != std::string::npos);
  BOOST_TEST((RequestLines::open(folder.path / "none", {}).error().code == ErrorCode::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
