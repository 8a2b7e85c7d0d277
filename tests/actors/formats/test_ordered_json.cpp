// Values of JSON with their keys in the order of the text.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/formats/ordered_json.hpp"
#include "actors/formats/refusal.hpp"

using namespace limelight::formats;

namespace {
std::string members(const std::string& text) {
  std::string all;
  for (const auto& one : read_ordered_members(text, "list", "it"))
    all += (one ? one->dump() : "none") + ";";
  return all;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(ordered_json)

BOOST_AUTO_TEST_CASE(a_value_comes_back_as_it_was_written) {
  const std::string text = R"({"z":1,"a":[true,null,-2,1.5,{"y":"ü","b":{}}],"m":[]})";
  BOOST_TEST(read_ordered(text, "k").dump() == text);
  BOOST_TEST(read_ordered("3", "k").dump() == "3");
  BOOST_CHECK_THROW(read_ordered("{", "k"), Refusal);
  BOOST_CHECK_THROW(read_ordered(R"({"a": 1, "a": 1})", "k"), Refusal);
}

BOOST_AUTO_TEST_CASE(members_are_those_of_the_list_s_own_objects) {
  BOOST_TEST(members(R"({"other": [{"it": 1}], "list": [{"x": {"it": 2}, "it": {"b": 1, "a": 2}},
                         {"y": [{"it": 3}]}, 5, [{"it": 4}], {"it": 6, "z": 7}]})") ==
             R"({"b":1,"a":2};none;none;none;6;)");
  BOOST_TEST(members(R"({"list": [{"it": 1}], "list": [{"it": 2}]})") == "2;");
  BOOST_TEST(members("[]") == "");
}

BOOST_AUTO_TEST_SUITE_END()
