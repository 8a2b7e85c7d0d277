// Chat templates. That they render as in Python, tests/oracle/compare_with_jinja.py shows on
// thousands of texts; here stands what must hold without it.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "stages/models/jinja/template.hpp"

using namespace limelight;
using namespace limelight::stages;
using Variables = nlohmann::ordered_json;

namespace {

std::string rendered(const std::string& text, const Variables& variables = Variables::object()) {
  const auto parsed = ChatTemplate::parse(text);
  if (!parsed) return "refused: " + parsed.error().message;
  const auto clock = [] {
    return std::chrono::system_clock::time_point(std::chrono::hours(24 * 365));
  };
  const auto out = parsed->render(variables, clock);
  return out ? *out : "error: " + out.error().message;
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const Variables conversation{
    {"messages",
     {{{"role", "system"}, {"content", " Be brief "}},
      {{"role", "user"}, {"content", {{{"type", "text"}, {"text", "Why?"}}, {{"type", "image"}}}}},
      {{"role", "assistant"}, {"content", "<think>so</think>\n\nThus."}}}},
    {"tools", {{{"name", "add"}, {"parameters", {{"b", 1.0}, {"a", nullptr}, {"c", true}}}}}},
    {"bos_token", "<s>"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(chat_template)

BOOST_AUTO_TEST_CASE(blocks_take_the_blanks_that_python_s_settings_take) {
  BOOST_TEST(rendered("a\n  {% if true %}\n  b\n  {% endif %}\nc\n") == "a\n  b\nc");
  BOOST_TEST(rendered("a  {%- if true -%}  b  {%- endif %}  c") == "ab  c");
  BOOST_TEST(rendered("a {{- 1 -}} b{# no #} c {% raw %}{{ x }}{% endraw %}") == "a1b c {{ x }}");
}

BOOST_AUTO_TEST_CASE(loops_know_their_place_and_namespaces_outlive_them) {
  BOOST_TEST(rendered("{% set ns = namespace(n=0) %}{% for m in messages %}"
                      "{% if loop.first %}{% continue %}{% endif %}{% set ns.n = ns.n + 1 %}"
                      "{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}"
                      " {{ ns.n }}",
                      conversation) == "2/3,3/3 2");
  BOOST_TEST(rendered("{% for k, v in {'a': 1, 'b': 2}.items() if v > 1 %}{{ k }}{% else %}none"
                      "{% endfor %}{% for x in [] %}{% else %} none{% endfor %}") == "b none");
}

BOOST_AUTO_TEST_CASE(messages_with_parts_thoughts_and_tools) {
  BOOST_TEST(rendered("{{ bos_token }}{% for m in messages %}[{{ m['role'] | upper }}]"
                      "{% if m.content is string %}{{ m.content.split('</think>')[-1] | trim }}"
                      "{% else %}{% for p in m.content if p.type == 'text' %}{{ p.text }}"
                      "{% endfor %}{% endif %}{% endfor %}",
                      conversation) == "<s>[SYSTEM]Be brief[USER]Why?[ASSISTANT]Thus.");
  // The order of keys, and numbers as Python writes them.
  BOOST_TEST(rendered("{{ tools[0] | tojson }}", conversation) ==
             R"({"name": "add", "parameters": {"b": 1.0, "a": null, "c": true}})");
  BOOST_TEST(rendered("{% macro say(x, end='!') %}{{ x }}{{ end }}{% endmacro %}"
                      "{{ say('a') }}{{ say('b', end='?') }}{{ messages[::-1][0].role }}",
                      conversation) == "a!b?assistant");
}

BOOST_AUTO_TEST_CASE(values_print_and_compute_as_in_python) {
  BOOST_TEST(rendered("{{ [1, 'a', none, 2.0, true] }} {{ {'k': 'v'} }} {{ 7 // 2 }} {{ -7 % 3 }} "
                      "{{ 2 ** 3 }} {{ 'a' ~ 1 }} {{ 1 < 2 < 3 }} {{ 'é' | length }}") ==
             "[1, 'a', None, 2.0, True] {'k': 'v'} 3 2 8 a1 True 1");
  BOOST_TEST(rendered("{{ missing }}{{ missing is defined }}{{ missing | default('x') }}") ==
             "Falsex");
  BOOST_TEST(rendered("{{ strftime_now('%d %b %Y') }}") == "01 Jan 1971");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_its_line) {
  BOOST_TEST(contains(rendered("a\n{% if x %}"), "line 2"));
  BOOST_TEST(contains(rendered("{{ 'a' | pprint }}"), "pprint"));
  BOOST_TEST(contains(rendered("{% include 'x' %}"), "include"));
  BOOST_TEST(contains(rendered("\n\n{{ 'a' + 1 }}"), "line 3"));
  BOOST_TEST(contains(rendered("{{ raise_exception('No system role') }}"), "No system role"));
  BOOST_TEST(contains(rendered("{{ missing.part }}"), "missing"));
}

BOOST_AUTO_TEST_CASE(a_hostile_template_ends) {
  const auto ends = [](const std::string& text) {
    const std::string said = rendered(text);
    BOOST_TEST((said.starts_with("error: ") || said.starts_with("refused: ")),
               text.substr(0, 60) << " gave " << said.substr(0, 60));
  };
  ends("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
  ends(
      "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}"
      "{% set ns.s = ns.s + ns.s %}{% endfor %}");
  ends("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
  ends("{{ " + std::string(100'000, '(') + " }}");
  ends("{{ 9223372036854775807 + 1 }}");
  ends("{{ 'x' * 1000000000 }}");
  ends("{{ range(1000000000) | list }}");
}

BOOST_AUTO_TEST_SUITE_END()
