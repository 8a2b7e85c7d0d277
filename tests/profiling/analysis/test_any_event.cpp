// Events as programs write them, and as they should not.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/any_event.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(any_event)

BOOST_AUTO_TEST_CASE(microseconds_of_an_epoch_keep_their_nanoseconds) {
  const auto ns = [](const char* text) { return prof::exact_nanoseconds(text).value_or(-1); };
  BOOST_TEST(ns("1764180000123456.789") == 1764180000123456789);
  BOOST_TEST(ns("0.0005") == 1);
  BOOST_TEST(ns("0.0004") == 0);
  BOOST_TEST(ns("12") == 12'000);
  BOOST_TEST(ns(" 12.5 ") == 12'500);
  BOOST_TEST(ns("1.5e3") == 1'500'000);
  BOOST_TEST(ns("1.764180000123456789e+15") == 1764180000123456789);
  BOOST_TEST(ns("2e-3") == 2);
  BOOST_TEST(prof::exact_nanoseconds("-1.25").value() == -1250);
  for (const char* wrong :
       {"", "abc", "1e400", "9223372036854776", "1.2.3", "--1", "1e", ".", "nan"})
    BOOST_TEST(!prof::exact_nanoseconds(wrong), wrong);
}

BOOST_AUTO_TEST_CASE(keys_are_taken_in_the_types_in_which_they_come) {
  prof::AnyEventReader reader;
  const auto event = reader.read(
      R"({"ph":"X","name":"op","cat":"cpu_op","pid":"12","tid":"Spans","ts":"5.5","dur":2,)"
      R"("id2":{"local":"0x1"},"args":{"bytes":7,"of":"x","deep":{"a":1}},"tts":null})");
  BOOST_REQUIRE(event.has_value());
  BOOST_TEST(event->pid == 12);
  BOOST_TEST(reader.text_of(event->tid) == "Spans");
  BOOST_TEST(event->begin_ns.value() == 5500);
  BOOST_TEST(event->duration_ns.value() == 2000);
  BOOST_TEST(event->others == R"("id2":{"local":"0x1"})");
  BOOST_TEST(event->args == R"({"bytes":7,"of":"x","deep":{"a":1}})");
  BOOST_TEST(reader.read(R"({"ph":"i","pid":12.0,"tid":"Spans"})")->pid == 12);
  BOOST_TEST(reader.read(R"({"ph":"i","tid":"Spans"})")->tid == event->tid);
  BOOST_TEST(reader.read(R"({"ph":"i","tid":"Traces"})")->tid != event->tid);
  BOOST_TEST(reader.read(R"({"ph":"X","name":null,"args":null,"ts":1})")->name == "");
  BOOST_TEST(reader.read(R"({"ph":"X","name":7,"ts":1})")->name == "7");
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_read_with_marks_or_is_no_event) {
  prof::AnyEventReader reader;
  const std::string mark = "\xef\xbf\xbd";
  BOOST_TEST(reader
                 .read("{\"ph\":\"X\",\"name\":\"a\xff"
                       "b\",\"ts\":1}")
                 ->name == "a" + mark + "b");
  BOOST_TEST(reader.read(R"({"ph":"X","name":"\ud800x\udc00","ts":1})")->name == mark + "x" + mark);
  BOOST_TEST(reader.read("{\"ph\":\"X\",\"name\":\"\\ud83d\\ude00\xff\",\"ts\":1}")->name ==
             "\xf0\x9f\x98\x80" + mark);
  BOOST_TEST(reader.read("{\"ph\":\"X\",\"name\":\"a\nb\",\"ts\":1}")->name == "a b");
  BOOST_TEST(
      reader.read(R"({"ph":"X","name":"NaN","ts":1,"args":{"a":NaN,"b":-Infinity}})")->name ==
      "NaN");
  using Fault = prof::AnyEventReader::Fault;
  for (const char* wrong : {"{}", "{\"ph\":3}", R"({"ph":"XX"})", R"({"ph":""})"}) {
    BOOST_TEST(!reader.read(wrong).has_value(), wrong);
    BOOST_TEST((reader.fault() == Fault::no_phase), wrong);
  }
  for (const char* wrong : {"{\"ph\":\"X\"", "{\"ph\":\"X\",}"}) {
    BOOST_TEST(!reader.read(wrong).has_value(), wrong);
    BOOST_TEST((reader.fault() == Fault::damaged), wrong);
  }
  for (const char* timeless : {R"({"ph":"X","ts":"soon"})", R"({"ph":"X","ts":1,"dur":1e300})"})
    BOOST_TEST(!reader.read(timeless)->has_times, timeless);
  BOOST_TEST(reader.read(R"({"ph":"X","ts":null})")->has_times);
}

BOOST_AUTO_TEST_SUITE_END()
