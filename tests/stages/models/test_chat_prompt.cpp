// A conversation in the model's chat template.
#include <boost/test/unit_test.hpp>

#include "stages/models/chat_prompt.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

TokenizerSpec spec_with(std::string chat_template) {
  TokenizerSpec spec;
  spec.chat_template = std::move(chat_template);
  spec.names = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  spec.added = {{.id = 1, .content = "<s>", .special = true},
                {.id = 2, .content = "</s>", .special = true},
                {.id = 3, .content = "<think>"}};
  return spec;
}
// With the mark shown as a star.
std::string rendered(const std::string& chat_template, std::vector<Message> messages) {
  const auto out = ChatPrompt(spec_with(chat_template)).render(messages);
  if (!out) return "error: " + out.error().message;
  std::string text = out->text;
  for (std::size_t at; (at = text.find(out->mark)) != std::string::npos;)
    text.replace(at, out->mark.size(), "*");
  return text;
}

constexpr const char* plain =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";

}  // namespace

BOOST_AUTO_TEST_SUITE(chat_prompt)

BOOST_AUTO_TEST_CASE(turns_stand_in_order_and_the_answer_s_header_ends_the_text) {
  BOOST_TEST(rendered(plain, {{"system", "Be brief"}, {"user", " Hi\n"}, {"assistant", "Yes?"}}) ==
             "<s>[system] Be brief</s>[user] Hi</s>[assistant] Yes?</s>[assistant]");
}

BOOST_AUTO_TEST_CASE(parts_are_a_list_where_one_of_them_is_a_file_and_one_text_where_none_is) {
  using Kind = ContentPart::Kind;
  const char* lists =
      "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
      "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}"
      "{% else %}<{{ part.type }}>{% endif %}{% endfor %}{% endif %}{% endfor %}";
  BOOST_TEST(rendered(lists, {{.role = "user",
                               .parts = {{.text = "a</s>"},
                                         {.kind = Kind::image, .data = "x"},
                                         {.text = "b"},
                                         {.kind = Kind::audio, .data = "y"}}}}) ==
             "a<*/s><image>b<audio>");
  BOOST_TEST(rendered(lists, {{.role = "user", .parts = {{.text = "a"}, {.text = "b"}}}}) == "ab");
}

BOOST_AUTO_TEST_CASE(special_tokens_of_a_message_are_marked_and_others_are_not) {
  BOOST_TEST(rendered(plain, {{"user", "</s><s><think>"}}) ==
             "<s>[user] <*/s><*s><think></s>[assistant]");
  // A text that has the usual mark gets another one.
  const auto out =
      ChatPrompt(spec_with(plain)).render(std::vector<Message>{{"user", "\ufdd0</s>"}});
  BOOST_TEST(out->mark != "\ufdd0");
  BOOST_TEST(out->text.find("\ufdd0<" + out->mark + "/s>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(calls_of_tools_and_their_answers_are_shown_or_refused) {
  const std::vector<Message> asked{
      {.role = "user", .content = "2 + 3?"},
      {.role = "assistant",
       .fields = R"({"tool_calls": [{"function": {"name": "add", "arguments":
                 {"b": 3, "a": "</s>"}}}], "name": null})",
       .has_content = false},
      {.role = "tool", .content = "5</s>", .fields = R"({"tool_call_id": "7", "name": "add"})"}};
  const char* shows =
      "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}"
      "{{ m.content is defined or m.name is defined }}{% endfor %}{% if m.role == 'tool' %}{{ "
      "m.name }}:{{ m.content }}"
      "{% endif %}{% endfor %}";
  BOOST_TEST(rendered(shows, asked) ==
             R"({"name": "add", "arguments": {"b": 3, "a": "<*/s>"}}Falseadd:5<*/s>)");
  // A template may write what is no ASCII as an escape.
  BOOST_TEST(rendered("{% for m in messages %}{{ m | tojson(ensure_ascii=true) }}{% endfor %}",
                      {asked[2]}) ==
             R"({"role": "tool", "content": "5<*/s>", "tool_call_id": "7", "name": "add"})");
  const auto refused = [&](const char* left_out, const std::string& chat_template) {
    const auto out = ChatPrompt(spec_with(chat_template)).render(asked);
    BOOST_REQUIRE(!out.ok());
    BOOST_TEST(out.error().message ==
               std::string(left_out) +
                   ", which the model's chat template leaves out; expected a "
                   "template that shows it");
    BOOST_TEST((out.error().code == ErrorCode::unavailable));
  };
  refused("messages[1]: found tool_calls",
          "{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}");
  refused("messages[2]: found the role tool",
          "{% for m in messages %}{{ m.tool_calls[0].function.name if m.tool_calls }}{% endfor %}");
  for (const char* wrong : {"[1]", "{", "3", R"({"role": "user"})", R"({"content": "b"})"})
    BOOST_TEST(rendered(plain, {{.role = "user", .content = "a", .fields = wrong}})
                   .starts_with("error: messages[0].fields: found "),
               wrong);
}

BOOST_AUTO_TEST_CASE(a_message_without_content_is_not_one_of_an_empty_text) {
  const char* asks = "{% for m in messages %}{{ m.content is defined }}{% endfor %}";
  BOOST_TEST(rendered(asks, {{.role = "assistant"}}) == "True");
  BOOST_TEST(rendered(asks, {{.role = "assistant", .has_content = false}}) == "False");
}

BOOST_AUTO_TEST_CASE(reasoning_is_found_by_the_names_that_templates_ask_for) {
  const char* asks =
      "{% for m in messages %}{{ m.thinking }},{{ m.reasoning_content }};{% endfor %}";
  BOOST_TEST(rendered(asks, {{.role = "assistant", .fields = R"({"reasoning": "a"})"},
                             {.role = "assistant", .fields = R"({"thinking": "b"})"},
                             {.role = "assistant",
                              .fields = R"({"thinking": "c", "reasoning_content": "d"})"},
                             {.role = "assistant"}}) == "a,a;b,b;c,d;,;");
}

BOOST_AUTO_TEST_CASE(no_tools_and_no_documents_are_none_and_not_undefined) {
  BOOST_TEST(rendered("{{ tools is none }}{{ documents is none }}", {{"user", "a"}}) == "TrueTrue");
}

BOOST_AUTO_TEST_CASE(a_template_can_refuse_a_conversation) {
  BOOST_TEST(rendered("{{ raise_exception('Turns must alternate') }}", {{"user", "Hi"}})
                 .find("Turns must alternate") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_template_that_cannot_be_read_is_refused_by_name_where_it_is_needed) {
  BOOST_TEST(rendered("{% for m in %}", {{"user", "Hi"}})
                 .starts_with("error: the model's chat template: "));
  BOOST_TEST(rendered("{{ messages | pprint }}", {{"user", "Hi"}}).find("pprint") !=
             std::string::npos);
  BOOST_TEST(rendered("", {{"user", "Hi"}})
                 .starts_with("error: messages: found a model without a chat template"));
}

BOOST_AUTO_TEST_SUITE_END()
