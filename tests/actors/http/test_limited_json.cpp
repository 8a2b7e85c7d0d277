// What strangers send as JSON.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/http/limited_json.hpp"

using limelight::http::read_json_object;

namespace {
void check_refused(const std::string& text, const std::string& what) {
  const auto read = read_json_object(text);
  BOOST_REQUIRE_MESSAGE(!read.ok(), text.substr(0, 60));
  BOOST_TEST(read.error().message.find(what) != std::string::npos, read.error().message);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(limited_json)

BOOST_AUTO_TEST_CASE(objects_and_an_empty_text_are_read) {
  BOOST_TEST(read_json_object("{\"a\": [1, {\"b\": null}]}")->dump() == "{\"a\":[1,{\"b\":null}]}");
  BOOST_TEST(read_json_object("")->empty());
  BOOST_TEST(read_json_object("")->is_object());
}

BOOST_AUTO_TEST_CASE(all_else_is_refused_and_needs_little_memory) {
  check_refused("{", "no JSON: parse error at line 1, column 2");
  check_refused("[1]", "expected an object");
  check_refused("\xff", "no JSON");
  check_refused("{\"a\": 1e999}", "no JSON");
  check_refused("{\"a\": " + std::string(65, '[') + std::string(65, ']') + "}", "64 levels");
  std::string deep;
  deep.resize(10'000'000, '[');
  check_refused(deep, "64 levels");
  std::string many = "{\"a\": [0";
  for (int i = 0; i < 2'000'000; ++i) many += ",0";
  check_refused(many + "]}", "2000000 values");
}

BOOST_AUTO_TEST_SUITE_END()
