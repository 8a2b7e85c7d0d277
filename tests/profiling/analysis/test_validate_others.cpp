// Which programs read a trace. What Perfetto and HolisticTraceAnalysis do was tried with each file.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>

#include "tests/support.hpp"

namespace prof = limelight::profiling;
using namespace limelight::tests;

namespace {

// A letter for each program, in the order of the readings: accepts, loses, refuses.
std::string outcomes(const std::string& text, const char* name = "a.json") {
  const Folder folder;
  const auto files = prof::examine({write_file(folder.path / name, text)});
  std::string out;
  for (const prof::TraceReading& reading : files.at(0).readings)
    out += "alr"[static_cast<int>(reading.outcome)];
  return out;
}
std::string with(const std::string& events) {
  const std::string first = R"({"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":0,"dur":10})";
  return "{\"traceEvents\":[" + first + (events.empty() ? "" : ",") + events + "]}";
}
std::string at(const char* phase, int ts, const char* rest, int tid = 1) {
  return R"({"ph":")" + std::string(phase) + R"(","cat":"c","name":"n","pid":1,"tid":)" +
         std::to_string(tid) + ",\"ts\":" + std::to_string(ts) + rest + "}";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(validate_others)

BOOST_AUTO_TEST_CASE(each_program_is_named_that_refuses_or_loses_something) {
  const std::string id = R"(,"id":1)", end = R"(,"id":1,"bp":"e")";
  const struct {
    std::string text;
    const char* outcomes;  // Perfetto, Chrome, HolisticTraceAnalysis, speedscope
  } cases[] = {
      {with(""), "aaaa"},
      {with(at("X", 20, R"(,"dur":5)")), "aaaa"},
      // The whole file.
      {"\xef\xbb\xbf" + with(""), "rara"},
      {R"([{"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":0,"dur":10},)", "aara"},
      {R"({"traceEvents":[{"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":0,"dur":10},]})",
       "arrr"},
      {R"({"traceEvents":[{"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":0,"dur":10})",
       "rrrr"},
      {with("7"), "raaa"},
      // Keys of an event.
      {with(R"({"ph":"X","cat":"c","name":"a","pid":"Spans","tid":1,"ts":20,"dur":1})"), "aaar"},
      {with(R"({"ph":"X","cat":"c","pid":1,"tid":1,"ts":20,"dur":1})"), "aara"},
      {with(R"({"ph":"X","name":"a","pid":1,"tid":1,"ts":20,"dur":1})"), "aala"},
      {with(R"({"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":20})"), "lall"},
      {with(R"({"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":"20","dur":1})"), "aarl"},
      {with(at("X", -5, R"(,"dur":1)", 2)), "laaa"},
      {with(R"({"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":1e17,"dur":1})"), "llll"},
      {with(R"({"ph":"X","cat":"c","name":"a","pid":1,"tid":1,"ts":"soon","dur":1})"), "rrrr"},
      {with(R"({"ph":5,"name":"a","pid":1,"tid":1,"ts":20})"), "llaa"},
      {with(R"({"ph":"i","name":"a","pid":1,"tid":1,"ts":20,"args":{"x":NaN}})"), "arar"},
      {with("{\"ph\":\"i\",\"name\":\"\xff\",\"pid\":1,\"tid\":1,\"ts\":20}"), "aara"},
      {with(R"({"ph":"C","name":"a","pid":1,"ts":20,"args":{"x":"y"}})"), "laaa"},
      // Several events.
      {with(at("X", 5, R"(,"dur":10)")), "llal"},
      {with(at("X", 0, R"(,"dur":5)")), "aaaa"},
      {with(at("X", 10, R"(,"dur":5)")), "aaaa"},
      {with(at("B", 5, "") + "," + at("E", 20, "")), "llll"},
      {with(at("B", 5, "") + "," + at("E", 8, "")), "aala"},
      {with(at("E", 8, "")), "llll"},
      {with(at("f", 5, end.c_str())), "llaa"},
      {with(at("s", 5, id.c_str()) + "," + at("f", 8, end.c_str())), "aaaa"},
      {with(at("s", 5, id.c_str(), 2) + "," + at("f", 8, end.c_str())), "llaa"},
      {with(at("s", 8, id.c_str()) + "," + at("f", 5, end.c_str())), "llaa"},
      {with(at("s", 5, R"(,"id":"x y")") + "," + at("f", 8, R"(,"id":"x y","bp":"e")")), "laaa"},
      {with(at("s", 5, id.c_str()) + "," + at("s", 6, id.c_str()) + "," + at("f", 8, end.c_str())),
       "laaa"},
  };
  for (const auto& c : cases) BOOST_TEST(outcomes(c.text) == c.outcomes, c.text);
  BOOST_TEST(outcomes(with(""), "a.txt") == "aara");
}

BOOST_AUTO_TEST_CASE(many_findings_of_one_kind_are_one_with_the_first_line_and_their_number) {
  std::string events;
  for (int i = 0; i < 1000; ++i)
    events += (i > 0 ? "," : "") + ("\n" + at("X", 100 + i, R"(,"dur":-1)"));
  const Folder folder;
  const auto file = write_file(folder.path / "a.json", with(events));
  const auto findings = prof::validate({file});
  BOOST_REQUIRE(findings.size() == 1u);
  BOOST_TEST(findings[0].starts_with(file.string() + ":2: key 'dur': "), findings[0]);
  BOOST_TEST(findings[0].ends_with("; 999 more like it"), findings[0]);
}

BOOST_AUTO_TEST_SUITE_END()
