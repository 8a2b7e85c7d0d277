// JSON: where commas and escapes belong.
#include <boost/test/unit_test.hpp>
#include <optional>

#include "profiling/trace/json_writer.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_CASE(json_strings_are_valid_whatever_the_bytes) {
  BOOST_TEST(prof::json_string("a\"\\\n\xff\xc3\xa9") ==
             "\"a\\\"\\\\\\u000a\xEF\xBF\xBD\xc3\xa9\"");
}

BOOST_AUTO_TEST_CASE(the_json_writer_puts_commas_and_escapes_where_they_belong) {
  std::string text;
  prof::JsonWriter writer(text);
  writer.begin_object().key("empty").begin_array().end_array();
  writer.line().member("a \"quoted\" key", "\n").key("list").begin_array();
  writer.value(1).value(-2.5).value(true).null().begin_object().end_object().end_array();
  writer.member("none", std::optional<int>()).key("time").microseconds(1'234'567).end_object();
  BOOST_TEST(text ==
             "{\"empty\": [],\n\"a \\\"quoted\\\" key\": \"\\u000a\", \"list\": [1, -2.500, true, "
             "null, {}], \"none\": null, \"time\": 1234.567}");
  std::string events = "{\"events\": [1";
  prof::JsonWriter rest(events, prof::JsonWriter::Style::compact, "{[");
  rest.value(2).end_array().member("nan", 0.0 / 0.0).end_object();
  BOOST_TEST(events == "{\"events\": [1,2],\"nan\":null}");
}
// Merged traces of others have times before their base.
BOOST_AUTO_TEST_CASE(times_before_the_base_are_numbers_too) {
  std::string text;
  prof::JsonWriter writer(text, prof::JsonWriter::Style::compact);
  writer.begin_array();
  for (const std::int64_t ns : {std::int64_t{-1}, std::int64_t{-1'234'567}, INT64_MIN, INT64_MAX})
    writer.microseconds(ns);
  writer.end_array();
  BOOST_TEST(text == "[-0.001,-1234.567,-9223372036854775.808,9223372036854775.807]");
}
