// Filters, tests and methods; the comparison with Jinja has many more.
#include <boost/test/unit_test.hpp>

#include "tests/stages/models/jinja/rendering.hpp"

using nlohmann::ordered_json;
using test::render;

namespace {

const ordered_json rows{
    {"rows", {{{"k", "b"}, {"v", 2}}, {{"k", "A"}, {"v", 1}}, {{"k", "b"}, {"w", nullptr}}}}};
std::string value(const std::string& expression) {
  return render("{{ " + expression + " }}", rows);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(jinja_filters)

BOOST_AUTO_TEST_CASE(items_are_selected_and_mapped) {
  BOOST_TEST(value("rows | selectattr('v') | map(attribute='k') | list") == "['b', 'A']");
  BOOST_TEST(value("rows | rejectattr('v', 'defined') | list | length") == "1");
  BOOST_TEST(value("rows | selectattr('k', 'equalto', 'b') | list | length") == "2");
  BOOST_TEST(value("rows | map(attribute='v', default=0) | sum") == "3");
  BOOST_TEST(value("[1, 2, 3, 4] | select('even') | join('+')") == "2+4");
  BOOST_TEST(value("['a', 'b'] | map('upper') | join") == "AB");
  BOOST_TEST(value("[0, 1, '', 'a'] | select | list") == "[1, 'a']");
}

BOOST_AUTO_TEST_CASE(a_generator_is_used_once_and_fails_only_where_it_runs) {
  BOOST_TEST(render("{% set g = [1, 2] | map('string') %}{{ g | list }}{{ g | list }}") ==
             "['1', '2'][]");
  BOOST_TEST(render("{% set g = [1, 2] | map('nothing') %}ok") == "ok");
  BOOST_TEST(value("['ab', 1] | map('length') | first") == "2");
  BOOST_TEST(value("['ab', 1] | map('length') | list").starts_with("invalid_argument: "));
}

BOOST_AUTO_TEST_CASE(items_are_sorted_and_grouped) {
  BOOST_TEST(value("['b', 'A', 'a'] | sort") == "['A', 'a', 'b']");
  BOOST_TEST(value("['b', 'A', 'a'] | sort(case_sensitive=true, reverse=true)") ==
             "['b', 'a', 'A']");
  BOOST_TEST(value("rows | sort(attribute='k') | map(attribute='v') | list") ==
             "[1, 2, Undefined]");
  BOOST_TEST(value("[1, 'a'] | sort").starts_with("invalid_argument: "));
  BOOST_TEST(value("{'b': 1, 'a': 2} | dictsort") == "[('a', 2), ('b', 1)]");
  BOOST_TEST(value("['a', 'B', 'A'] | unique | list") == "['a', 'B']");
  BOOST_TEST(render("{% for g in rows | groupby('k') %}{{ g.grouper }}{{ g.list | length }}"
                    "{% endfor %}",
                    rows) == "A1b2");
  BOOST_TEST(value("[3, 1, 2] | min") == "1");
  BOOST_TEST(value("[] | max is defined") == "False");
}

BOOST_AUTO_TEST_CASE(texts_are_changed) {
  BOOST_TEST(value("'hello big-world (x)' | title") == "Hello Big-World (X)");
  BOOST_TEST(value("'a\\nb\\n\\nc' | indent(2)") == "a\n  b\n\n  c");
  BOOST_TEST(value("'a\\nb' | indent('> ', true)") == "> a\n> b");
  BOOST_TEST(value("'foo bar baz qux' | truncate(9, leeway=0)") == "foo...");
  BOOST_TEST(value("'aaaa' | replace('a', 'b', 2)") == "bbaa");
  BOOST_TEST(value("'a<b' | e ~ '<'") == "a&lt;b<");
  BOOST_TEST(value("('a<b' | e) + '<'") == "a&lt;b&lt;");
  BOOST_TEST(value("\" \\u00a0x\\u2003\" | trim | length") == "1");
}

BOOST_AUTO_TEST_CASE(numbers_are_read_and_rounded) {
  BOOST_TEST(value("'42.9' | int") == "42");
  BOOST_TEST(value("' 1_000 ' | int") == "1000");
  BOOST_TEST(value("'0x1f' | int(base=16)") == "31");
  BOOST_TEST(value("'x' | int(default=7)") == "7");
  BOOST_TEST(value("'1e3' | float") == "1000.0");
  BOOST_TEST(value("2.5 | round") == "2.0");
  BOOST_TEST(value("2.675 | round(2)") == "2.67");
  BOOST_TEST(value("42.55 | round(1, 'floor')") == "42.5");
  BOOST_TEST(value("15 | round(-1)") == "20");
}

BOOST_AUTO_TEST_CASE(methods_of_strings_count_characters) {
  BOOST_TEST(value("'\u00e4\u4e16b'.find('b')") == "2");
  BOOST_TEST(value("'\u00e4\u4e16b'[1]") == "\u4e16");
  BOOST_TEST(value("'\u00e4\u4e16b'[::-1]") == "b\u4e16\u00e4");
  BOOST_TEST(value("'  a  b  '.split()") == "['a', 'b']");
  BOOST_TEST(value("'  a  b  '.split(None, 1)") == "['a', 'b  ']");
  BOOST_TEST(value("'a,b,,c'.rsplit(',', 1)") == "['a,b,', 'c']");
  BOOST_TEST(value("'a\\r\\nb\\n'.splitlines()") == "['a', 'b']");
  BOOST_TEST(value("'aXbX'.strip('X').partition('X')") == "('a', 'X', 'b')");
  BOOST_TEST(value("'<think>a</think>b'.split('</think>')[-1].lstrip('\\n')") == "b");
  BOOST_TEST(value("'\u00c4\u03a3\u0416\u00df'.lower()") == "\u00e4\u03c3\u0436\u00df");
  BOOST_TEST(value("'\u00e4\u03c3\u0436\u00df'.upper()") == "\u00c4\u03a3\u0416SS");
  BOOST_TEST(value("'ab'.startswith(('x', 'a'))") == "True");
}

BOOST_AUTO_TEST_CASE(texts_are_formatted) {
  BOOST_TEST(value("'%s|%5d|%-5.1f|%05d|%x' % ('a', 42, 2.25, -7, 255)") ==
             "a|   42|2.2  |-0007|ff");
  BOOST_TEST(value("'%(k)s' % rows[0]") == "b");
  BOOST_TEST(value("'%s' % (1, 2)").starts_with("invalid_argument: "));
  BOOST_TEST(value("'{} {x!r:>5} {0[1]}'.format([1, 2], x='a')").starts_with("invalid_argument: "));
  BOOST_TEST(value("'{0} {x!r:>5} {0[1]}'.format([1, 2], x='a')") == "[1, 2]   'a' 2");
  BOOST_TEST(value("'{:,} {:+.2f} {:^5}|'.format(1234567, 1.5, 'a')") == "1,234,567 +1.50   a  |");
}

BOOST_AUTO_TEST_CASE(an_attribute_is_looked_up_before_the_item_of_its_name) {
  const ordered_json named{{"d", {{"items", 1}, {"x", 2}}}};
  BOOST_TEST(render("{{ d.x }}{{ d['items'] }}{{ d.items is callable }}", named) == "21True");
  BOOST_TEST(render("{{ d.get('y', 3) }}{{ d.y is defined }}{{ d['y'] }}", named) == "3False");
}

BOOST_AUTO_TEST_CASE(tests_tell_types_apart) {
  const auto types = [](const std::string& of) {
    std::string all;
    for (const char* test : {"string", "number", "integer", "float", "boolean", "mapping",
                             "sequence", "iterable", "none", "defined", "callable"})
      if (value("(" + of + ") is " + test) == "True") (all += test) += ' ';
    return all;
  };
  BOOST_TEST(types("'a'") == "string sequence iterable defined ");
  BOOST_TEST(types("1") == "number integer defined ");
  BOOST_TEST(types("true") == "number boolean defined ");
  BOOST_TEST(types("{}") == "mapping sequence iterable defined ");
  BOOST_TEST(types("none") == "none defined ");
  BOOST_TEST(types("missing") == "sequence iterable callable ");
  BOOST_TEST(types("range(2)") == "sequence iterable defined ");
  BOOST_TEST(types("{}.items()") == "iterable defined ");
}

BOOST_AUTO_TEST_CASE(arithmetic_is_that_of_python) {
  BOOST_TEST(value("-7 // 2") == "-4");
  BOOST_TEST(value("-7 % 3") == "2");
  BOOST_TEST(value("7.5 // -2") == "-4.0");
  BOOST_TEST(value("2 ** -1") == "0.5");
  BOOST_TEST(value("6 / 3") == "2.0");
  BOOST_TEST(value("true + 1") == "2");
  BOOST_TEST(value("-2 ** 2") == "4");  // the sign binds tighter here, unlike in Python
  BOOST_TEST(value("1 / 0").starts_with("invalid_argument: "));
  BOOST_TEST(value("9223372036854775807 + 1").starts_with("invalid_argument: "));
  BOOST_TEST(render("{{ n }} {{ {'n': n} | tojson }}", {{"n", 18446744073709551615u}}) ==
             "18446744073709551615 {\"n\": 18446744073709551615}");
}

BOOST_AUTO_TEST_SUITE_END()
