// Keys of a JSON object, without a tree.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "profiling/analysis/json_members.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(json_members)

BOOST_AUTO_TEST_CASE(members_come_in_their_order_with_their_values_as_they_stand) {
  const std::string text =
      R"({"a" : "}\"]", "b":[1,{"a":2}],"c":-1.5e3 , "d":null,"e\n":{},"a":7})";
  prof::JsonMembers members(text);
  std::string all;
  while (const auto member = members.next())
    all.append(member->key).append("=").append(member->value).append(";");
  BOOST_TEST(all == R"(a="}\"]";b=[1,{"a":2}];c=-1.5e3;d=null;e\n={};a=7;)");
  BOOST_TEST((prof::json_member(text, "a") == "7"));
  BOOST_TEST(!prof::json_member(text, "f"));
}

BOOST_AUTO_TEST_CASE(what_is_no_object_has_no_members_and_nothing_outside_is_read) {
  for (const char* text : {"", "{", "{}", "[1]", "{\"a", "{\"a\"", "{\"a\":", "{,}"})
    BOOST_TEST(!prof::json_member(text, "a"), text);
  for (const char* text : {"{\"a\":{", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":[1,"})
    BOOST_TEST(prof::json_member(text, "a").has_value(), text);
}

BOOST_AUTO_TEST_CASE(escapes_stand_for_what_another_parser_reads) {
  for (const char* text : {R"("")", R"("a\"\\\/\b\f\n\r\tz")", R"("\u00e4\u20ac\ud83d\ude00")",
                           "\"\xc3\xa4\"", R"("\u0000x")"})
    BOOST_TEST(prof::text_of_json(text) == nlohmann::json::parse(text).get<std::string>(), text);
  BOOST_TEST(prof::text_of_json(R"("\ud800x\udc00\ud800")") ==
             "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd");
  BOOST_TEST(prof::text_of_json("12") == "12");
}

BOOST_AUTO_TEST_SUITE_END()
