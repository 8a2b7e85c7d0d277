// Templates as tokens: whitespace around tags, comments, raw blocks, literals.
#include <boost/test/unit_test.hpp>

#include "stages/models/jinja/token.hpp"
#include "tests/stages/models/jinja/rendering.hpp"

using limelight::stages::jinja::Failure;
using limelight::stages::jinja::tokenize;
using test::render;

namespace {

int line_of_failure(const std::string& text) {
  try {
    tokenize(text);
  } catch (const Failure& failure) {
    return failure.line;
  }
  return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(jinja_lexer)

BOOST_AUTO_TEST_CASE(a_tag_alone_on_its_line_takes_the_line) {
  BOOST_TEST(render("a\n  {% if true %}\n  b\n  {% endif %}\nc") == "a\n  b\nc");
  BOOST_TEST(render("a\n  {# no #}\nb") == "a\nb");
  BOOST_TEST(render("  {% if true %}x{% endif %}") == "x");
  BOOST_TEST(render("a {% if true %}\nb{% endif %}") == "a b");
  BOOST_TEST(render("a\n  {{ 1 }}\nb") == "a\n  1\nb");  // an expression takes nothing
}

BOOST_AUTO_TEST_CASE(signs_say_which_whitespace_goes) {
  BOOST_TEST(render("a \n {%- if true -%} \n b{% endif %}") == "ab");
  BOOST_TEST(render("a \n {{- 1 -}} \n b") == "a1b");
  BOOST_TEST(render("a\n  {%+ if true +%}\nb{% endif %}") == "a\n  \nb");
  BOOST_TEST(render("a {#- x -#} b") == "ab");
  BOOST_TEST(render("a\u00a0{{- 1 }}") == "a1");  // as it is whitespace to Python
  BOOST_TEST(render("{{-1}}") == "1");            // the sign belongs to the delimiter
}

BOOST_AUTO_TEST_CASE(line_breaks_become_one_character_and_the_last_one_goes) {
  BOOST_TEST(render("a\r\nb\rc\n") == "a\nb\nc");
  BOOST_TEST(render("a\n\n") == "a\n");
  BOOST_TEST(render("") == "");
}

BOOST_AUTO_TEST_CASE(raw_blocks_and_comments_are_not_read) {
  BOOST_TEST(render("{% raw %}{{ x }}{% if %}{% endraw %}") == "{{ x }}{% if %}");
  BOOST_TEST(render("{%- raw -%}  a  {%- endraw -%}  b") == "ab");
  BOOST_TEST(render("{# {{ x }} {% if %} #}a") == "a");
  BOOST_TEST(render("{#-#}a") == "a");
  BOOST_TEST(render("{ {a} } #} %}") == "{ {a} } #} %}");
}

BOOST_AUTO_TEST_CASE(literals_are_read_as_in_python) {
  BOOST_TEST(render(R"({{ 'a\n\t\\\'\x41\u00e9\U0001f642\101\q' }})") ==
             "a\n\t\\'A\u00e9\U0001f642A\\q");
  BOOST_TEST(render("{{ \"it's\" 'two' }}") == "it'stwo");
  BOOST_TEST(render("{{ 'a\\\nb' }}") == "ab");
  BOOST_TEST(render("{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 1e-7 }}") ==
             "1000 31 5 15 1500.0 1e-07");
  BOOST_TEST(render("{{ {'a': {'b': 1}}}}") == "{'a': {'b': 1}}");  // }} within brackets
  BOOST_TEST(render("{{ [[1, 2], 3].0.1 }}") == "2");               // not the number .1
}

BOOST_AUTO_TEST_CASE(what_is_no_token_is_refused_with_its_line) {
  for (const char* text : {"a\n{{ 'b }}", "a\n{{ $ }}", "a\n{# b", "a\n{% raw %}", "a\n{{ (] }}",
                           "a\n{{ ) }}", "a\n{% if", "a\n{{ '\\x4' }}"})
    BOOST_TEST(line_of_failure(text) == 2, text);
  BOOST_TEST(render("{{ 99999999999999999999 }}").starts_with("unavailable: "));
  BOOST_TEST(render("{{ '\\N{BULLET}' }}").starts_with("unavailable: "));
}

BOOST_AUTO_TEST_SUITE_END()
