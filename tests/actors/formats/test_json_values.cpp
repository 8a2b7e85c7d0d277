// Values of JSON are of the type that is asked for, or refused with key, value and expectation.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/formats/json_values.hpp"
#include "actors/formats/refusal.hpp"

using namespace limelight::formats;
using nlohmann::json;

namespace {
template <class F>
std::string refusal(F read) {
  try {
    read();
  } catch (const Refusal& refused) {
    return refused.text;
  }
  return "";
}
}  // namespace

BOOST_AUTO_TEST_SUITE(json_values)

BOOST_AUTO_TEST_CASE(types_and_ranges_are_checked) {
  BOOST_TEST(number(0.5, "k") == 0.5f);
  BOOST_TEST(whole(-7, "k") == -7);
  BOOST_TEST(wholes({1, 2}, "k") == (std::vector<int>{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(truth(true, "k"));
  BOOST_TEST(text("a", "k") == "a");
  BOOST_TEST(refusal([] { number("1", "k"); }) == "key 'k': found \"1\", expected a number");
  BOOST_TEST(refusal([] { number(1e39, "k"); }) == "key 'k': found 1e+39, expected a number");
  for (const json& bad : {json(1.5), json(3'000'000'000u), json(-3'000'000'000), json("1"),
                          json(18446744073709551615u)})
    BOOST_TEST(refusal([&] { whole(bad, "k"); }) ==
               "key 'k': found " + bad.dump() + ", expected a whole number");
  BOOST_TEST(refusal([] {
               wholes({1, "x"}, "k");
             }) == "key 'k': found \"x\", expected a whole number");
  BOOST_TEST(refusal([] { truth(1, "k"); }) == "key 'k': found 1, expected true or false");
  BOOST_TEST(refusal([] { text(json::object(), "k"); }) ==
             "key 'k': found an object, expected a text");
}

BOOST_AUTO_TEST_CASE(what_an_error_shows_is_short_and_utf8) {
  BOOST_TEST(show(json::array()) == "a list");
  BOOST_TEST(show(std::string(500, 'x')).size() == 60u);
  BOOST_TEST(show("\xff") == "\"\xef\xbf\xbd\"");
}

BOOST_AUTO_TEST_CASE(keys_of_an_object_are_handled_refused_or_passed_over) {
  std::vector<std::string> seen;
  const Handlers known{
      {"a", [&](const json& v, const std::string& key) { seen.push_back(key + v.dump()); }},
      {"b", [&](const json&, const std::string& key) { seen.push_back(key); }}};
  read_object({{"a", 1}, {"b", nullptr}}, "in.", {&known});
  read_object({{"a", 2}, {"c", 3}}, "", {&known}, UnknownKeys::ignored);
  BOOST_TEST(seen == (std::vector<std::string>{"in.a1", "a2"}), boost::test_tools::per_element());
  BOOST_TEST(refusal([&] {
               read_object({{"c", 1}}, "in.", {&known});
             }) == "key 'in.c': found an unknown key, expected one of a, b");
}

BOOST_AUTO_TEST_SUITE_END()
