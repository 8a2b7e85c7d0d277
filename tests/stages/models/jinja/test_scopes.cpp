// Which variable a name means: Jinja's rules, as its compiler has them.
#include <boost/test/unit_test.hpp>

#include "tests/stages/models/jinja/rendering.hpp"

using test::render;

BOOST_AUTO_TEST_SUITE(jinja_scopes)

BOOST_AUTO_TEST_CASE(an_assignment_in_a_loop_ends_with_its_iteration) {
  BOOST_TEST(render("{% set x = 0 %}{% for i in [1, 2] %}{{ x }}{% set x = i %}{{ x }}"
                    "{% endfor %}{{ x }}") == "01020");
  BOOST_TEST(render("{% for i in [1] %}{% set y = i %}{% endfor %}{{ y is defined }}") == "False");
}

BOOST_AUTO_TEST_CASE(a_condition_is_no_scope) {
  BOOST_TEST(render("{% if true %}{% set x = 1 %}{% endif %}{{ x }}") == "1");
  BOOST_TEST(render("{% if false %}{% set x = 1 %}{% endif %}{{ x }}", {{"x", 2}}) == "2");
}

// What a scope assigns first is its own variable from the beginning.
BOOST_AUTO_TEST_CASE(a_name_that_is_assigned_later_has_no_value_before) {
  BOOST_TEST(render("{% for i in [1] %}{{ x }}{% endfor %}{% set x = 1 %}", {{"x", 2}}) == "");
  BOOST_TEST(render("{% for i in [1] %}{{ x }}{% endfor %}{% if true %}{% set x = 1 %}{% endif %}",
                    {{"x", 2}}) == "2");
  BOOST_TEST(render("{{ x }}{% set x = 1 %}{{ x }}", {{"x", 2}}) == "21");
  BOOST_TEST(render("{% set x = x ~ 1 %}{{ x }}", {{"x", 2}}) == "21");
}

BOOST_AUTO_TEST_CASE(a_macro_sees_what_is_around_it_and_keeps_its_own) {
  BOOST_TEST(render("{% set x = 1 %}{% macro f() %}{{ x }}{% set y = 2 %}{% endmacro %}"
                    "{% set x = 3 %}{{ f() }}{{ y }}") == "3");
  BOOST_TEST(render("{% macro f(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{{ f(1) }}{{ x }}") ==
             "2");
  BOOST_TEST(render("{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{{ n }}"
                    "{% endmacro %}{{ f(2) }}") == "210012");
}

BOOST_AUTO_TEST_CASE(macros_match_their_arguments) {
  const std::string f = "{% macro f(a, b='B', c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}";
  BOOST_TEST(render(f + "{{ f(1) }} {{ f(1, 2) }} {{ f(1, c=3) }} {{ f(b=2, a=1) }}") ==
             "1B1 121 1B3 121");
  BOOST_TEST(render(f + "{{ f() }}") == "B");
  BOOST_TEST(render(f + "{{ f(*[1, 2], **{'c': 3}) }}") == "123");
  BOOST_TEST(render(f + "{{ f(1, 2, 3, 4) }}").starts_with("invalid_argument: "));
  BOOST_TEST(render(f + "{{ f(d=1) }}").starts_with("invalid_argument: "));
  BOOST_TEST(render("{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, x=2) }}") ==
             "(1,){'x': 2}");
  BOOST_TEST(render("{% macro f(x) %}<{{ caller(x) }}>{% endmacro %}"
                    "{% call(y) f(1) %}{{ y }}!{% endcall %}") == "<1!>");
}

BOOST_AUTO_TEST_CASE(blocks_that_capture_have_their_own_variables) {
  BOOST_TEST(render("{% set a %}{% set b = 1 %}x{{ b }}{% endset %}{{ a }}{{ b }}") == "x1");
  BOOST_TEST(render("{% filter upper %}{% set b = 'b' %}a{{ b }}{% endfilter %}{{ b }}") == "AB");
  BOOST_TEST(render("{% with x = 1, y = x %}{{ x }}{{ y }}{% endwith %}{{ x }}", {{"x", 5}}) ==
             "155");
  BOOST_TEST(render("{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}") == "1");
}

BOOST_AUTO_TEST_CASE(a_loop_knows_its_place) {
  BOOST_TEST(render("{% for x in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}"
                    "{{ loop.first }}{{ loop.last }}{{ loop.previtem }}{{ loop.nextitem }} "
                    "{% endfor %}") == "103TrueFalseb 212FalseFalseac 321FalseTrueb ");
  BOOST_TEST(render("{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}") ==
             "123");
  BOOST_TEST(render("{% for x in [1, 2] %}{% for y in [1] %}{{ loop.length }}{% endfor %}"
                    "{{ loop.length }}{% endfor %}") == "1212");
}

// The test of a loop runs before each item, so it sees what the body did to a namespace.
BOOST_AUTO_TEST_CASE(a_loop_s_test_is_lazy) {
  BOOST_TEST(render("{% set ns = namespace(go=true) %}{% for i in [1, 2, 3] if ns.go %}{{ i }}"
                    "{% if i == 2 %}{% set ns.go = false %}{% endif %}{% endfor %}") == "12");
}

BOOST_AUTO_TEST_CASE(an_else_of_a_loop_runs_unless_an_iteration_came_to_its_end) {
  BOOST_TEST(render("{% for i in [1] %}{{ i }}{% else %}e{% endfor %}") == "1");
  BOOST_TEST(render("{% for i in [] %}{{ i }}{% else %}e{% endfor %}") == "e");
  BOOST_TEST(render("{% for i in [1] %}{% continue %}{% else %}e{% endfor %}") == "e");
}

BOOST_AUTO_TEST_CASE(only_namespaces_can_be_changed) {
  BOOST_TEST(render("{% set ns = namespace(a=1) %}{% set ns.b = ns.a + 1 %}{{ ns.a }}{{ ns.b }}"
                    "{{ ns }}") == "12<Namespace {'a': 1, 'b': 2}>");
  BOOST_TEST(render("{% set d = {} %}{% set d.x = 1 %}").starts_with("invalid_argument: "));
  BOOST_TEST(render("{{ [].append(1) }}").starts_with("invalid_argument: "));
  BOOST_TEST(render("{{ {}.update is defined }}") == "False");
  BOOST_TEST(render("{% set ns = namespace() %}{% set ns._x = 1 %}").starts_with("invalid_arg"));
}

BOOST_AUTO_TEST_SUITE_END()
