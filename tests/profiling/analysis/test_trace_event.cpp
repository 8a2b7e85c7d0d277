// Events in the form in which Limelight writes them.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/trace_event.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(trace_event)

BOOST_AUTO_TEST_CASE(keys_in_any_order_and_exact_times) {
  const auto event = prof::read_event_line(
      R"({"dur":0.001,"x":[1,{"ph":"Q"}],"ts":-1.500,"tid":-8,"pid":7,"name":"a\"b","cat":"c",)"
      R"("args":{"request":"r\n1","bytes":64},"ph":"X"})");
  BOOST_REQUIRE(event.has_value());
  BOOST_TEST(event->phase == 'X');
  BOOST_TEST(event->begin_ns == -1500);
  BOOST_TEST(event->end_ns() == -1499);
  BOOST_TEST(event->pid == 7);
  BOOST_TEST(event->tid == -8);
  BOOST_TEST(event->name == R"(a\"b)");
  BOOST_TEST(event->plain_name() == "a\"b");
  BOOST_TEST(*event->arg("request") == R"(r\n1)");
  BOOST_TEST(*event->text_arg("request") == "r\n1");
  BOOST_TEST(*event->number_arg("bytes") == 64u);
  BOOST_TEST(!event->number_arg("request"));
  BOOST_TEST(!event->arg("nothing"));
}

BOOST_AUTO_TEST_CASE(metadata_need_no_time_and_others_do) {
  BOOST_TEST(prof::read_event_line(R"({"ph":"M","name":"process_name","pid":1})").has_value());
  BOOST_TEST(!prof::read_event_line(R"({"ph":"i","name":"a","pid":1})"));
  BOOST_TEST(!prof::read_event_line(R"({"ph":"X","name":"a","ts":1.000})"));
}

BOOST_AUTO_TEST_CASE(all_else_is_another_form) {
  for (const char* text :
       {"", "{}", "{\"", "[1]", R"({"ph":"X"})", R"({"ph":"XX","ts":1.000,"dur":1.000})",
        R"({"ph":"X","ts":1,"dur":1.000})", R"({"ph":"X","ts":1.0,"dur":1.000})",
        R"({"ph":"X","ts":1.000,"dur":-1.000})", R"({"ph":"X","ts":"1.000","dur":1.000})",
        R"({"ph":"X","ts":1.000,"dur":1.000,"pid":"a"})",
        R"({"ph":"X","ts":1.000,"dur":1.000,"args":[]})", R"({"ph":"X","ts":1.000,"dur":1.000},)",
        R"({"ph":"X","ts":1.000,"dur":1.000)", R"({"ph":"X", "ts":1.000,"dur":1.000})",
        R"({"ph":"X","ts":1.000,"dur":})", R"({"ph":"X","ts":9223372036854775.000,"dur":1.000})",
        R"({"ph":"X","ts":9223372036854774.000,"dur":9223372036854774.000})"})
    BOOST_TEST(!prof::read_event_line(text), text);
}

BOOST_AUTO_TEST_CASE(microseconds_are_written_with_three_decimals) {
  const auto text = [](std::int64_t ns) {
    std::string to;
    prof::add_microseconds(ns, to);
    return to;
  };
  BOOST_TEST(text(0) == "0.000");
  BOOST_TEST(text(-1) == "-0.001");
  BOOST_TEST(text(1234567) == "1234.567");
  BOOST_TEST(text(INT64_MIN) == "-9223372036854775.808");
}

BOOST_AUTO_TEST_SUITE_END()
