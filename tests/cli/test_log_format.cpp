// The log as objects of JSON.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "cli/log_format.hpp"

using namespace limelight;
using namespace limelight::cli;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(log_format)

BOOST_AUTO_TEST_CASE(a_message_is_one_line_with_its_fields) {
  const std::string line =
      json_line(LogLevel::warning, "a \"quoted\"\nline \xff",
                {{"request_id", "r"}, {"status", std::int64_t{200}}, {"duration_ms", 0.5}},
                1'764'244'800'123'456'789);
  BOOST_TEST(line.find('\n') == std::string::npos);
  const json got = json::parse(line);
  BOOST_TEST(got["time"] == "2025-11-27T12:00:00.123456Z");
  BOOST_TEST(got["level"] == "warning");
  BOOST_TEST(got["message"] == "a \"quoted\"\nline \xef\xbf\xbd");
  BOOST_TEST(got["request_id"] == "r");
  BOOST_TEST(got["status"] == 200);
  BOOST_TEST(got["duration_ms"] == 0.5);
}

BOOST_AUTO_TEST_CASE(fields_are_those_of_the_innermost_scope) {
  BOOST_TEST(LogFields::current().empty());
  const LogFields outer({{"request_id", std::string("outer")}});
  {
    const LogFields inner({{"request_id", std::string("inner")}});
    BOOST_TEST(std::get<std::string>(LogFields::current().front().second) == "inner");
  }
  BOOST_TEST(std::get<std::string>(LogFields::current().front().second) == "outer");
}

BOOST_AUTO_TEST_SUITE_END()
