// Values: how they print, compare and are looked up.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/value.hpp"

using namespace limelight::stages::jinja;

namespace {

Value whole(std::int64_t number) { return Value::of(number); }
std::string repr(const Value& value) {
  Budget budget{Limits{}};
  return to_repr(value, budget);
}
std::string json(const Value& value, const JsonLayout& layout = {}) {
  Budget budget{Limits{}};
  return to_json(value, layout, budget);
}
Dict dict(std::vector<Dict::Entry> entries) {
  Dict made;
  for (auto& [key, value] : entries) made.set(key, value);
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(jinja_value)

BOOST_AUTO_TEST_CASE(numbers_print_the_shortest_text_that_reads_back) {
  const auto expect = [](double value, const char* text) {
    BOOST_TEST(print_number(value) == text);
  };
  expect(1, "1.0");
  expect(-0.0, "-0.0");
  expect(0.1, "0.1");
  expect(1.0 / 3, "0.3333333333333333");
  expect(1e15, "1000000000000000.0");
  expect(1e16, "1e+16");
  expect(123456789012345680.0, "1.2345678901234568e+17");
  expect(0.0001, "0.0001");
  expect(0.00001, "1e-05");
  expect(5e-324, "5e-324");
  expect(-1.5e300, "-1.5e+300");
  expect(INFINITY, "inf");
  expect(NAN, "nan");
}

BOOST_AUTO_TEST_CASE(strings_are_quoted_as_python_does) {
  const auto expect = [](const char* text, const char* quoted) {
    BOOST_TEST(repr(Value::of(text)) == quoted);
  };
  expect("a", "'a'");
  expect("it's", "\"it's\"");
  expect("'\"", "'\\'\"'");
  expect("\n\t\\\x01\x7f", "'\\n\\t\\\\\\x01\\x7f'");
  expect("\u00e9\u4e16\U0001f642", "'\u00e9\u4e16\U0001f642'");
  expect("\u00a0\u200b\ufeff\U000e0001", "'\\xa0\\u200b\\ufeff\\U000e0001'");
}

BOOST_AUTO_TEST_CASE(containers_print_what_is_in_them) {
  const Value list = Value::list({whole(1), Value::of("a"), Value::none(), Value::of(true)});
  BOOST_TEST(repr(list) == "[1, 'a', None, True]");
  BOOST_TEST(repr(Value::tuple({whole(1)})) == "(1,)");
  BOOST_TEST(repr(Value::tuple({})) == "()");
  BOOST_TEST(repr(Value::of(dict({{Value::of("k"), list}, {whole(2), Value::of(0.5)}}))) ==
             "{'k': [1, 'a', None, True], 2: 0.5}");
}

BOOST_AUTO_TEST_CASE(json_is_that_of_python) {
  const Value value =
      Value::of(dict({{Value::of("b"), Value::list({whole(1), Value::of(2.0), Value::none()})},
                      {Value::of("a"), Value::of("\"\u00e9\U0001f642\n\x1f")},
                      {whole(3), Value::of(dict({}))}}));
  BOOST_TEST(json(value) ==
             "{\"b\": [1, 2.0, null], \"a\": \"\\\"\u00e9\U0001f642\\n\\u001f\", \"3\": {}}");
  JsonLayout ascii;
  ascii.ascii_only = true;
  BOOST_TEST(json(value, ascii) ==
             "{\"b\": [1, 2.0, null], \"a\": \"\\\"\\u00e9\\ud83d\\ude42\\n\\u001f\", \"3\": {}}");
  JsonLayout lines;
  lines.lines = true;
  lines.indent = "  ";
  lines.item_separator = ",";
  BOOST_TEST(json(Value::list({whole(1), Value::list({}), Value::list({whole(2)})}), lines) ==
             "[\n  1,\n  [],\n  [\n    2\n  ]\n]");
  BOOST_CHECK_THROW(json(Value::undefined("x")), Failure);
}

BOOST_AUTO_TEST_CASE(numbers_of_all_types_compare_exactly) {
  BOOST_TEST(equal(whole(1), Value::of(1.0)));
  BOOST_TEST(equal(Value::of(true), whole(1)));
  BOOST_TEST(!equal(whole(9007199254740993), Value::of(9007199254740992.0)));
  BOOST_TEST(less(Value::of(9007199254740992.0), whole(9007199254740993)));
  BOOST_TEST(!equal(Value::of("1"), whole(1)));
  BOOST_TEST(!equal(Value::of(NAN), Value::of(NAN)));
}

BOOST_AUTO_TEST_CASE(sequences_compare_item_by_item) {
  const auto list = [](std::vector<Value> items) { return Value::list(std::move(items)); };
  BOOST_TEST(less(list({whole(1)}), list({whole(1), whole(0)})));
  BOOST_TEST(less(list({whole(1), Value::of("a")}), list({whole(2), whole(0)})));
  BOOST_TEST(!equal(list({whole(1)}), Value::tuple({whole(1)})));
  BOOST_CHECK_THROW((void)less(list({whole(1)}), list({Value::of("a")})), Failure);
  BOOST_CHECK_THROW((void)less(Value::none(), whole(1)), Failure);
}

BOOST_AUTO_TEST_CASE(a_dict_keeps_its_order_and_finds_equal_keys) {
  Dict many;
  for (std::int64_t i = 0; i < 100; ++i) many.set(whole(99 - i), whole(i));
  many.set(Value::of(5.0), Value::of("five"));  // equal to 5
  BOOST_TEST(many.size() == 100u);
  BOOST_TEST(many.entries().front().first.integer() == 99);
  BOOST_TEST(many.find(whole(5))->bytes() == "five");
  BOOST_TEST((many.find(whole(100)) == nullptr));
  BOOST_TEST((many.find("5") == nullptr));
  BOOST_CHECK_THROW(many.set(Value::list({}), whole(1)), Failure);
  BOOST_CHECK_THROW((void)many.find(Value::tuple({Value::list({})})), Failure);
}

BOOST_AUTO_TEST_CASE(what_is_too_deep_or_too_heavy_cannot_be_made) {
  Value deep = Value::list({});
  BOOST_CHECK_THROW(for (int i = 0; i < 1000; ++i) deep = Value::list({deep}), Failure);
  BOOST_TEST(deep.depth() == max_value_depth);
  Value heavy = Value::of(std::string(1000, 'x'));
  BOOST_CHECK_THROW(for (int i = 0; i < 60; ++i) heavy = Value::list({heavy, heavy}), Failure);
  BOOST_TEST(heavy.weight() <= max_weight);
}

BOOST_AUTO_TEST_SUITE_END()
