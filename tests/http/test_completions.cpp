// /v1/completions and /v1/chat/completions, as OpenAI's clients use them. What comes is compared
// with what `limelight run` gives for the same request.
#include <cstring>

#include "actors/formats/base64.hpp"
#include "tests/http/served.hpp"

using namespace limelight::tests;
using limelight::formats::from_base64;

namespace {

// One service for the cases that leave it as it was.
Served& served() {
  static Served it;
  return it;
}

// What `limelight run` answers to this line of requests.
struct Known {
  json output;
  std::string wav;
};
Known known(const json& line) {
  const Folder folder;
  const auto prompts = write_file(folder.path / "prompts.jsonl", line.dump());
  const Ran ran = run(std::string(LIMELIGHT_COMMAND) + " run --config " + CONFIG_DIR +
                      "/omni_tiny.yaml --prompts " + prompts.string() + " --output-dir " +
                      (folder.path / "out").string());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  return {json::parse(read_file(folder.path / "out/outputs.jsonl")),
          read_file(folder.path / "out/0.wav")};
}

const json messages = json::array({{{"role", "user"}, {"content", "Why is the sky blue?"}}});

void check_refused(const std::string& path,
                   const json& body,
                   const std::string& what,
                   const std::string& param,
                   int status = 400) {
  const Reply reply = served().post(path, body);
  BOOST_TEST(reply.status == status, body.dump());
  const json error = reply.document()["error"];
  BOOST_TEST(error["message"].get<std::string>().find(what) != std::string::npos, reply.body);
  BOOST_TEST(error["param"] == (param.empty() ? json() : json(param)), reply.body);
}
void check_chat_refused(json body, const std::string& what, const std::string& param) {
  body["messages"] = messages;
  check_refused("/v1/chat/completions", body, what, param);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(completions)

BOOST_AUTO_TEST_CASE(a_chat_gives_what_the_command_gives) {
  const json request{{"messages", messages}, {"max_tokens", 20}, {"seed", 7}, {"temperature", 0.8}};
  json line = request;
  line["modalities"] = {"text"};
  const json wanted = known(line).output;
  json body = request;
  body.erase("max_tokens");
  body["max_completion_tokens"] = 20;
  body["model"] = "omni_tiny";
  body["user"] = "a field that OpenAI passes over";
  const Reply reply = served().post("/v1/chat/completions", body, {"X-Request-Id: chat-1"});
  BOOST_TEST(reply.status == 200, reply.body);
  BOOST_TEST(reply.headers.at("x-request-id") == "chat-1");
  const json got = reply.document();
  BOOST_TEST(got["id"] == "chatcmpl-chat-1");
  BOOST_TEST(got["object"] == "chat.completion");
  const json& choice = got["choices"][0];
  BOOST_TEST(choice["message"]["role"] == "assistant");
  BOOST_TEST(choice["message"]["content"] == wanted["text"]);
  BOOST_TEST(!choice["message"].contains("audio"));
  BOOST_TEST(choice["finish_reason"] == "length");
  BOOST_TEST(got["usage"]["prompt_tokens"] == wanted["prompt_tokens"]);
  BOOST_TEST(got["usage"]["completion_tokens"] == 20);
  BOOST_TEST(got["usage"]["total_tokens"] == wanted["prompt_tokens"].get<int>() + 20);

  // The same in a stream.
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const Reply stream = served().post("/v1/chat/completions", body);
  BOOST_TEST(stream.headers.at("content-type").starts_with("text/event-stream"));
  const auto events = events_of(stream.body);
  BOOST_REQUIRE(events.size() > 5u);
  BOOST_TEST(events[0]["object"] == "chat.completion.chunk");
  BOOST_TEST(events[0]["choices"][0]["delta"]["role"] == "assistant");
  std::string text;
  for (std::size_t i = 0; i + 2 < events.size(); ++i) {
    BOOST_TEST(events[i]["choices"][0]["finish_reason"].is_null());
    BOOST_TEST(events[i]["usage"].is_null());
    text += events[i]["choices"][0]["delta"]["content"].get<std::string>();
  }
  BOOST_TEST(text == wanted["text"]);
  BOOST_TEST(events[events.size() - 2]["choices"][0]["finish_reason"] == "length");
  BOOST_TEST(events.back()["choices"].empty());
  BOOST_TEST(events.back()["usage"] == got["usage"]);
}

BOOST_AUTO_TEST_CASE(several_answers_logprobs_and_stop_strings) {
  const json request{{"messages", messages}, {"max_tokens", 12}, {"seed", 5},
                     {"temperature", 1},     {"n", 2},           {"logprobs", true},
                     {"top_logprobs", 3}};
  const json got = served().post("/v1/chat/completions", request).document();
  BOOST_REQUIRE(got["choices"].size() == 2u);
  BOOST_TEST(got["usage"]["completion_tokens"] == 24);
  for (int i = 0; i < 2; ++i) {
    const json& choice = got["choices"][static_cast<std::size_t>(i)];
    BOOST_TEST(choice["index"] == i);
    const json& content = choice["logprobs"]["content"];
    BOOST_REQUIRE(content.size() == 12u);
    std::string text;
    for (const json& one : content) {
      text += one["token"].get<std::string>();
      BOOST_TEST(one["logprob"].get<double>() <= 0);
      BOOST_TEST(one["top_logprobs"].size() == 3u);
      BOOST_TEST(one["bytes"].size() == one["token"].get<std::string>().size());
    }
    BOOST_TEST(text == choice["message"]["content"]);
  }
  BOOST_TEST(got["choices"][0]["message"]["content"] != got["choices"][1]["message"]["content"]);
  // Both answers come in one stream, each whole, and the logprobs with the text of their tokens.
  json stream = request;
  stream["stream"] = true;
  std::string texts[2];
  json positions[2] = {json::array(), json::array()};
  for (const json& event : events_of(served().post("/v1/chat/completions", stream).body)) {
    const json& choice = event["choices"][0];
    const auto index = choice["index"].get<std::size_t>();
    const std::string text = choice["delta"].value("content", "");
    texts[index] += text;
    std::string tokens;
    if (!choice["logprobs"].is_null())
      for (const json& one : choice["logprobs"]["content"]) {
        tokens += one["token"].get<std::string>();
        positions[index].push_back(one);
      }
    if (choice["finish_reason"].is_null()) BOOST_TEST(tokens == text);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_TEST(texts[i] == got["choices"][i]["message"]["content"]);
    BOOST_TEST(positions[i] == got["choices"][i]["logprobs"]["content"]);
  }

  const std::string text = got["choices"][0]["message"]["content"];
  json stopped = request;
  stopped["n"] = 1;
  stopped["stop"] = text.substr(8, 3);
  const json end = served().post("/v1/chat/completions", stopped).document()["choices"][0];
  BOOST_TEST(end["finish_reason"] == "stop");
  BOOST_TEST(end["stop_reason"] == text.substr(8, 3));
  BOOST_TEST(end["message"]["content"] == text.substr(0, text.find(text.substr(8, 3))));
}

BOOST_AUTO_TEST_CASE(completions_take_prompts_as_they_are) {
  const json line{{"prompt_token_ids", {72, 101, 108, 108, 111}},
                  {"max_tokens", 16},
                  {"seed", 3},
                  {"modalities", {"text"}}};
  const std::string wanted = known(line).output["text"];
  // The tokens of a dummy model are bytes; 16 of them are the default.
  for (const json& prompt : {json("Hello"), json{72, 101, 108, 108, 111}}) {
    const json got = served().post("/v1/completions", {{"prompt", prompt}, {"seed", 3}}).document();
    BOOST_TEST(got["object"] == "text_completion");
    BOOST_TEST(got["choices"][0]["text"] == wanted);
    BOOST_TEST(got["usage"]["prompt_tokens"] == 5);
    BOOST_TEST(got["usage"]["completion_tokens"] == 16);
  }
  const json several{{"prompt", {"Hello", "Bye"}},
                     {"seed", 3},
                     {"n", 2},
                     {"logprobs", 1},
                     {"return_stage_metrics", true}};
  const json got = served().post("/v1/completions", several).document();
  BOOST_REQUIRE(got["choices"].size() == 4u);
  BOOST_TEST(got["choices"][0]["text"] == wanted);
  BOOST_TEST(got["choices"][2]["index"] == 2);
  BOOST_TEST(got["usage"]["prompt_tokens"] == 8);
  const json& logprobs = got["choices"][0]["logprobs"];
  for (const char* key : {"tokens", "token_logprobs", "top_logprobs", "text_offset"})
    BOOST_TEST(logprobs[key].size() == 16u);
  const json& metrics = got["stage_metrics"][0];
  BOOST_TEST(metrics["stages"][0]["num_tokens_out"] == 16);
  BOOST_TEST(metrics["e2e_time_ms"].get<double>() > 0);

  json stream = several;
  stream["stream"] = true;
  std::vector<std::string> texts(4);
  for (const json& event : events_of(served().post("/v1/completions", stream).body))
    texts.at(event["choices"][0]["index"]) += event["choices"][0]["text"].get<std::string>();
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(texts[i] == got["choices"][i]["text"]);
}

BOOST_AUTO_TEST_CASE(sound_comes_whole_and_in_parts) {
  const json request{
      {"messages", messages}, {"max_tokens", 20}, {"seed", 7}, {"modalities", {"text", "audio"}}};
  const Known wanted = known(request);
  json body = request;
  body["audio"] = {{"voice", "alloy"}, {"format", "wav"}};
  const json got = served().post("/v1/chat/completions", body).document();
  const json& message = got["choices"][0]["message"];
  BOOST_TEST(message["content"] == wanted.output["text"]);
  BOOST_TEST(message["audio"]["transcript"] == wanted.output["text"]);
  const auto wav = from_base64(message["audio"]["data"].get<std::string>());
  BOOST_REQUIRE(wav.ok());
  BOOST_TEST((*wav == wanted.wav));

  body["stream"] = true;
  body["audio"]["format"] = "pcm16";
  std::string text, sound;
  std::size_t parts = 0;
  for (const json& event : events_of(served().post("/v1/chat/completions", body).body)) {
    const json delta = event["choices"][0]["delta"];
    text += delta.value("content", "");
    if (!delta.contains("audio")) continue;
    ++parts;
    sound += *from_base64(delta["audio"]["data"].get<std::string>());
  }
  BOOST_TEST(text == wanted.output["text"]);
  BOOST_TEST((sound == wanted.wav.substr(44)));
  BOOST_TEST(parts > 1u);

  body["stream"] = false;
  body["modalities"] = {"audio"};
  body["audio"]["format"] = "flac";
  const json flac = served().post("/v1/chat/completions", body).document();
  BOOST_TEST(flac["choices"][0]["message"]["content"].is_null());
  BOOST_TEST(from_base64(flac["choices"][0]["message"]["audio"]["data"].get<std::string>())
                 ->starts_with("fLaC"));
}

BOOST_AUTO_TEST_CASE(what_is_not_served_is_refused_by_name) {
  const std::string chat = "/v1/chat/completions", text = "/v1/completions";
  check_refused(text, {{"prompt", "x"}, {"model", "gpt-4"}}, "\"gpt-4\" is not served", "model",
                404);
  check_refused(text, json::object(), "found none", "prompt");
  check_refused(text, {{"prompt", ""}}, "an empty text", "prompt");
  check_refused(text, {{"prompt", "x"}, {"echo", true}}, "the prompt is not repeated", "echo");
  check_refused(text, {{"prompt", "x"}, {"suffix", "y"}}, "text is not inserted", "suffix");
  check_refused(text, {{"prompt", {4000}}}, "prompt_token_ids[0]: found 4000", "");
  check_refused(chat, {{"messages", json::array()}}, "a list of messages", "messages");
  check_chat_refused({{"tools", {{{"type", "function"}}}}}, "tools are not called", "tools");
  check_chat_refused({{"tool_choice", "required"}}, "tools are not called", "tool_choice");
  check_chat_refused({{"response_format", {{"type", "json_object"}}}}, "schema", "response_format");
  check_chat_refused({{"top_p", 2}}, "found 2, expected", "top_p");
  check_chat_refused({{"temperature", "hot"}}, "expected a number", "temperature");
  check_chat_refused({{"n", 1000}}, "1 to 128", "n");
  check_chat_refused({{"modalities", {"smell"}}}, "some of text, audio", "modalities");
  check_chat_refused({{"stream", 1}}, "true or false", "stream");
  check_chat_refused({{"stream", true}, {"modalities", {"audio"}}, {"audio", {{"format", "flac"}}}},
                     "do not come in parts", "audio.format");
  const auto part = [](const json& one) {
    return json{{"messages", {{{"role", "user"}, {"content", json::array({one})}}}}};
  };
  const std::string at = "messages[0].content[0].image_url.url";
  for (const char* url : {"/etc/passwd", "file:///etc/passwd", "https://example.org/a.png"})
    check_refused(chat, part({{"type", "image_url"}, {"image_url", {{"url", url}}}}),
                  "nothing is fetched, and no file is read", at);
  check_refused(
      chat, part({{"type", "image_url"}, {"image_url", {{"url", "data:image/png;base64,Zm9v"}}}}),
      "picture", "");
  for (const char* body : {"{", "[]", "\"\\ud800\"", "{\"prompt\": 1e999}"}) {
    const Reply reply = served().ask("POST", text, body);
    BOOST_TEST(reply.status == 400, body);
    BOOST_TEST(reply.document()["error"]["type"] == "invalid_request_error");
  }
  std::string deep(100'000, '[');
  BOOST_TEST(served().ask("POST", text, deep).status == 400);
  // Values that change nothing may be there.
  json harmless{{"messages", messages},     {"max_tokens", 1},
                {"tools", json::array()},   {"tool_choice", "none"},
                {"stop", nullptr},          {"response_format", {{"type", "text"}}},
                {"logit_bias", {{"5", 1}}}, {"parallel_tool_calls", true}};
  BOOST_TEST(served().post(chat, harmless).status == 200);
}

BOOST_AUTO_TEST_CASE(a_request_that_fails_in_a_stage_has_the_status_of_its_error_in_a_stream_too) {
  const Reply reply =
      served().post("/v1/completions", {{"prompt", std::string(5000, 'x')}, {"stream", true}});
  BOOST_TEST(reply.status == 400);
  BOOST_TEST(reply.body.find("5000 prompt tokens") != std::string::npos, reply.body);
  // A large one is read beside the others.
  const Reply large =
      served().post("/v1/completions", {{"prompt", std::string(std::size_t{8} << 20, 'x')}});
  BOOST_TEST(large.status == 400);
  BOOST_TEST(large.body.find("8388608 prompt tokens") != std::string::npos, large.body);
  const Reply late = served().post(
      "/v1/completions",
      {{"prompt", "x"}, {"max_tokens", 1500}, {"ignore_eos", true}, {"deadline_ms", 100}});
  BOOST_TEST(late.status == 504, late.body);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_ends_its_request_in_every_stage) {
  const json request{{"messages", messages},
                     {"max_tokens", 1500},
                     {"ignore_eos", true},
                     {"modalities", {"text", "audio"}}};
  const auto aborted = [] {
    const std::string text = served().get("/metrics").body, label = "finished_reason=\"abort\"} ";
    return std::stoi(text.substr(text.find(label) + label.size()));
  };
  const int before = aborted();
  for (const bool stream : {true, false}) {
    json body = request;
    body["stream"] = stream;
    Socket client(served().port());
    client.post("/v1/chat/completions", body);
    if (stream) client.until("\"content\"");
    else BOOST_REQUIRE(soon([] { return served().health()["running"] == 1; }));
    client.leave();
    // 1500 tokens would take many seconds.
    BOOST_TEST(soon(
        [] {
          const json health = served().health();
          std::size_t requests = health["running"];
          for (const json& replica : health["replicas"])
            requests += replica["requests"].get<std::size_t>();
          return requests == 0;
        },
        std::chrono::seconds(3)));
  }
  // They are counted when their streams have ended, a moment later.
  BOOST_TEST(soon([&] { return aborted() == before + 2; }));
}

BOOST_AUTO_TEST_SUITE_END()
