// Hostile templates: each ends with an error or with a text, and frees what it made.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/stages/models/jinja/rendering.hpp"

using limelight::stages::ChatTemplate;
using test::render;

namespace {

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}
const nlohmann::ordered_json nothing = nlohmann::ordered_json::object();

}  // namespace

BOOST_AUTO_TEST_SUITE(jinja_limits)

BOOST_AUTO_TEST_CASE(no_template_nests_without_a_bound) {
  for (const auto& [open, close] :
       std::initializer_list<std::pair<const char*, const char*>>{{"(", ")"},
                                                                  {"[", "]"},
                                                                  {"{1:", "}"},
                                                                  {"not ", ""},
                                                                  {"- ", ""},
                                                                  {"f(", ")"},
                                                                  {"1 if 0 else ", ""},
                                                                  {"a[", "]"},
                                                                  {"", "+1"},
                                                                  {"", "|e"},
                                                                  {"", ".a"},
                                                                  {"", "()"}})
    BOOST_TEST(render("{{ " + repeated(open, 20'000) + "1" + repeated(close, 20'000) + " }}")
                   .starts_with("corrupt: "),
               open << close);
  BOOST_TEST(render(repeated("{% if 1 %}", 20'000)).starts_with("corrupt: "));
  BOOST_TEST(render("{{ '' " + repeated("~ ''", 20'000) + " }}") == "");
}

BOOST_AUTO_TEST_CASE(macros_that_call_themselves_end) {
  BOOST_TEST(
      render("{% macro f() %}{{ [[f()]] }}{% endmacro %}{{ f() }}").starts_with("too_large: "));
  BOOST_TEST(render("{% macro f() %}{% call g() %}{{ f() }}{% endcall %}{% endmacro %}"
                    "{% macro g() %}{{ caller() }}{% endmacro %}{{ f() }}")
                 .starts_with("too_large: "));
}

BOOST_AUTO_TEST_CASE(steps_and_texts_are_bounded) {
  BOOST_TEST(render("{% for i in range(99) %}{{ i }}{% endfor %}", nothing, {.steps = 50})
                 .starts_with("too_large: "));
  BOOST_TEST(render("{% for i in range(99) %}ab{% endfor %}", nothing, {.text_bytes = 50})
                 .starts_with("too_large: "));
  for (const char* text :
       {"'a' * 9999999999", "[1] * 9999999999", "'a' | center(9999999999)",
        "'a\\nb' | indent(9999999999)", "[1] | tojson(indent=9999999999)", "'%9999999999d' % 1",
        "'{:9999999999}'.format(1)", "('a' * 9999999).replace('a', 'bbbbbbbbbb')",
        "'%.999999999f' % 1.5", "(range(99999) | list) * 999"})
    BOOST_TEST(render(std::string("{{ ") + text + " }}").starts_with("too_large: "), text);
}

BOOST_AUTO_TEST_CASE(values_do_not_grow_in_each_other_without_a_bound) {
  for (const char* grown : {"[ns.x]", "[ns.x, ns.x]", "ns.x | map('string')", "{'a': ns.x}"})
    BOOST_TEST(render("{% set ns = namespace(x=[1]) %}{% for i in range(5000) %}{% set ns.x = " +
                      std::string(grown) + " %}{% endfor %}")
                   .starts_with("too_large: "),
               grown);
}

// The next two would end in a deep recursion, or leak, if objects freed each other.
BOOST_AUTO_TEST_CASE(chains_of_objects_are_freed) {
  BOOST_TEST(render("{% set ns = namespace(x=1) %}{% for i in range(50000) %}"
                    "{% set ns.x = namespace(x=ns.x) %}{% endfor %}") == "");
  BOOST_TEST(render("{% set ns = namespace(x=1) %}{% for i in range(50000) %}"
                    "{% for y in [ns.x] %}{% set ns.x = loop %}{% endfor %}{% endfor %}") == "");
  BOOST_TEST(render("{% set ns = namespace(x=1) %}{% macro f() %}{% set y = ns.x %}{% macro g() %}"
                    "{{ y }}{% endmacro %}{% set ns.x = g %}{% endmacro %}"
                    "{% for i in range(50000) %}{{ f() }}{% endfor %}") == "");
}

BOOST_AUTO_TEST_CASE(circles_of_objects_are_freed) {
  BOOST_TEST(render("{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x == ns.x }}") == "True");
  BOOST_TEST(
      render("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}").starts_with("too_large: "));
}

BOOST_AUTO_TEST_CASE(what_outlives_its_macro_or_loop_can_be_used) {
  BOOST_TEST(render("{% set n = cycler(1, 2).next %}{{ n() }}{{ n() }}{{ n() }}") == "121");
  BOOST_TEST(render("{% set ns = namespace() %}{% macro f() %}{% set most = 3 %}"
                    "{% for i in range(9) if i < most %}{% set ns.x = loop %}{% break %}"
                    "{% endfor %}{% macro g() %}{{ most }}{% endmacro %}{% set ns.g = g %}"
                    "{% endmacro %}{{ f() }}{{ ns.x.length }}{{ ns.g() }}") == "33");
}

BOOST_AUTO_TEST_CASE(several_threads_render_one_template) {
  const auto parsed = ChatTemplate::parse(
      "{% for m in messages %}{{ m.role | upper }}{{ m.content | tojson }}{% endfor %}{{ n }}");
  BOOST_REQUIRE(parsed.ok());
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < texts.size(); ++t)
    threads.emplace_back([&, t] {
      const nlohmann::ordered_json variables{
          {"messages", {{{"role", "user"}, {"content", {1, "a"}}}}}, {"n", t}};
      for (int i = 0; i < 200; ++i) texts[t] = *parsed->render(variables);
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < texts.size(); ++t)
    BOOST_TEST(texts[t] == "USER[1, \"a\"]" + std::to_string(t));
}

BOOST_AUTO_TEST_SUITE_END()
