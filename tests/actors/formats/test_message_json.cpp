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
  BOOST_TEST(refusal({message("user", "a"), message("tool", "b")}) ==
             "key 'messages[1].role': found 'tool', expected system, user or assistant");
  BOOST_TEST(refusal(json::array({{{"role", "user"}}})) ==
             "key 'messages[0]': found no content, expected role and content");
}

BOOST_AUTO_TEST_CASE(calls_of_tools_are_never_passed_over) {
  json called = message("assistant", "x");
  called["tool_calls"] = {{{"id", "1"}}};
  BOOST_TEST(refusal(json::array({called}), UnknownKeys::ignored) ==
             "key 'messages[0].tool_calls': found a list, expected none: tools are not called "
             "here");
  json named = message("user", "x");
  named["name"] = "me";
  BOOST_TEST(refusal(json::array({named}), UnknownKeys::ignored) == "");
  BOOST_TEST(refusal(json::array({named})) ==
             "key 'messages[0].name': found an unknown key, expected one of content, role");
}

BOOST_AUTO_TEST_SUITE_END()
