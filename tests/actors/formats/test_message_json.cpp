// Conversations as JSON.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/formats/message_json.hpp"
#include "actors/formats/refusal.hpp"

using namespace limelight;
using namespace limelight::formats;
using nlohmann::json;

namespace {
std::string refusal(const json& messages, UnknownKeys unknown = UnknownKeys::refused) {
  try {
    read_messages(messages, "messages", {.unknown = unknown});
  } catch (const Refusal& refused) {
    return refused.text;
  }
  return "";
}
json message(const char* role, const json& content) {
  return {{"role", role}, {"content", content}};
}
}  // namespace

BOOST_AUTO_TEST_SUITE(message_json)

BOOST_AUTO_TEST_CASE(roles_texts_and_parts) {
  const json parts = {{{"type", "text"}, {"text", "Say "}}, {{"type", "text"}, {"text", "yes"}}};
  const auto read = read_messages(
      {message("developer", "Be brief"), message("user", parts), message("assistant", parts)}, "m",
      {});
  BOOST_REQUIRE(read.size() == 3u);
  BOOST_TEST(read[0].role == "system");
  BOOST_TEST(read[0].content == "Be brief");
  BOOST_REQUIRE(read[1].parts.size() == 2u);
  BOOST_TEST(read[1].parts[1].text == "yes");
  BOOST_TEST(read[2].content == "Say yes");  // only users' messages keep their parts
  BOOST_TEST(read[2].parts.empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_conversation_is_refused_with_its_place) {
  BOOST_TEST(refusal(json::array()) == "key 'messages': found a list, expected a list of messages");
  BOOST_TEST(refusal({"hello"}) ==
             "key 'messages[0]': found \"hello\", expected an object with the keys role and "
             "content");
  BOOST_TEST(refusal({message("user", "a"), message("function", "b")}) ==
             "key 'messages[1].role': found 'function', expected system, user, assistant or tool");
  BOOST_TEST(refusal(json::array({{{"role", "user"}}})) ==
             "key 'messages[0]': found no content, expected role and content");
}

BOOST_AUTO_TEST_CASE(calls_keep_the_order_of_the_text_and_templates_get_what_stands_there) {
  const std::string source =
      R"({"b": [1, {"tool_calls": 1}], "messages": [{"role": "user", "content": "x", "name": "me"},
      {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "id": "1",
        "function": {"name": "f", "arguments": {"z": [1, {"b": 2.5, "a": null}], "a": "ü"}}}]},
      {"tool_call_id": "1", "role": "tool", "content": [{"type": "text", "text": "9"}]},
      {"tool_calls": [{"function": {"name": "g", "arguments": "{\"z\": 1, \"a\": 2}"}}],
        "role": "assistant"}], "messages_": 1})";
  const json list = json::parse(source)["messages"];
  const auto lines = read_messages(list, "messages", {.source = source});
  BOOST_REQUIRE(lines.size() == 4u);
  BOOST_TEST(lines[0].fields == R"({"name":"me"})");
  BOOST_TEST(!lines[1].has_content);
  BOOST_TEST(lines[1].fields ==
             R"({"tool_calls":[{"type":"function","id":"1","function":)"
             R"({"name":"f","arguments":{"z":[1,{"b":2.5,"a":null}],"a":"ü"}}}]})");
  BOOST_TEST(lines[2].role == "tool");
  BOOST_TEST(lines[2].content == "9");
  BOOST_TEST(lines[2].fields == R"({"tool_call_id":"1"})");
  BOOST_TEST(!lines[3].has_content);
  BOOST_TEST(lines[3].fields ==
             R"({"tool_calls":[{"function":{"name":"g","arguments":"{\"z\": 1, \"a\": 2}"}}]})");
  // As OpenAI's clients send arguments.
  const auto service =
      read_messages(list, "messages", {.arguments_in_text = true, .source = source});
  BOOST_TEST(service[3].fields ==
             R"({"tool_calls":[{"function":{"name":"g","arguments":{"z":1,"a":2}}}]})");
}

BOOST_AUTO_TEST_CASE(calls_that_no_template_could_show_are_refused_with_their_place) {
  const auto said = [](const std::string& calls, bool in_text = false,
                       const char* role = "assistant") {
    const std::string source = std::string(R"({"messages": [{"role": ")") + role +
                               R"(", "content": "", "tool_calls": )" + calls + "}]}";
    try {
      read_messages(json::parse(source)["messages"], "messages",
                    {.arguments_in_text = in_text, .source = source});
    } catch (const Refusal& refused) {
      return refused.text;
    }
    return std::string();
  };
  const std::string at = "key 'messages[0].tool_calls";
  BOOST_TEST(said("[]") == "");
  BOOST_TEST(said("3") == at + "': found 3, expected a list of calls");
  BOOST_TEST(said(R"([{"id": "1"}])") ==
             at + "[0]': found no function, expected an object with the key function");
  BOOST_TEST(said(R"([{"type": "code", "function": {}}])") ==
             at + "[0].type': found \"code\", expected \"function\"");
  BOOST_TEST(said(R"([{"function": {"name": 3}}])") ==
             at + "[0].function.name': found 3, expected a text");
  BOOST_TEST(said(R"([{"function": {"name": "f"}}])") ==
             at + "[0].function': found no arguments, expected an object of that name");
  BOOST_TEST(said(R"([{"function": {"name": "f", "arguments": [1]}}])") ==
             at + "[0].function.arguments': found a list, expected an object");
  BOOST_TEST(said(R"([{"function": {"name": "f", "arguments": "{\"a\": "}}])", true) ==
             at + "[0].function.arguments': found a text that is no JSON, expected JSON in a text");
  BOOST_TEST(said(R"([{"function": {"name": "f", "arguments": "[]"}}])", true) ==
             at + "[0].function.arguments': found a list, expected a text of a JSON object");
  BOOST_TEST(said(R"([{"function": {"name": "f", "arguments": ""}}])", true) == "");
  BOOST_TEST(said(R"([{"function": {"name": "f", "arguments": {"a": 1, "a": 2}}}])") ==
             at + "': found the key 'a' twice in an object, expected it once");
  BOOST_TEST(said(R"([{"function": {"name": "f", "arguments": {"a": 18446744073709551616}}}])") ==
             at + "': found the number 18446744073709551616, expected one that 64 bits can hold");
  BOOST_TEST(said("[" + std::string(40, '[') + std::string(40, ']') + "]") ==
             at + "': found values that are nested deeper than 32 levels, expected less");
  std::string many = "[0";
  for (int i = 0; i < 5000; ++i) many += ",0";
  BOOST_TEST(said(many + "]") == at + "': found more than 4096 values, expected less");
  BOOST_TEST(said(R"([{"function": {"name": "f", "arguments": {}}}])", false, "user") ==
             at + "': found them in a message of the role user, expected them in an assistant's");
}

BOOST_AUTO_TEST_CASE(other_keys_of_messages_are_texts) {
  json named = message("user", "x");
  named["name"] = 3;
  BOOST_TEST(refusal(json::array({named}), UnknownKeys::ignored) ==
             "key 'messages[0].name': found 3, expected a text");
  json other = message("user", "x");
  other["more"] = "me";
  BOOST_TEST(refusal(json::array({other}), UnknownKeys::ignored) == "");
  BOOST_TEST(refusal(json::array({other})) ==
             "key 'messages[0].more': found an unknown key, expected one of content, role, name, "
             "reasoning, reasoning_content, thinking, tool_call_id, tool_calls");
  json old = message("assistant", "x");
  old["function_call"] = {{"name", "f"}};
  BOOST_TEST(refusal(json::array({old}), UnknownKeys::ignored) ==
             "key 'messages[0].function_call': found an object, expected tool_calls");
}

BOOST_AUTO_TEST_SUITE_END()
