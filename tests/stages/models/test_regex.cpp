// Regular expressions over UTF-8.
#include <boost/test/unit_test.hpp>

#include "stages/models/regex.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

std::vector<std::string> matches(const std::string& pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  if (!regex) BOOST_FAIL(regex.error().message);
  std::vector<std::string> found;
  regex->for_each_match(text, [&](std::size_t begin, std::size_t end) {
    found.emplace_back(text.substr(begin, end - begin));
  });
  return found;
}
using Texts = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(regex)

BOOST_AUTO_TEST_CASE(characters_are_unicode_s_and_empty_matches_stand_apart) {
  BOOST_TEST(matches(R"(\p{L}+)", "a\u00e9 \u4e2d1") == (Texts{"a\u00e9", "\u4e2d"}),
             boost::test_tools::per_element());
  BOOST_TEST(matches("b*", "abba") == (Texts{"", "bb", ""}), boost::test_tools::per_element());
  BOOST_TEST(matches(R"(\s+(?!\S)|\s+)", "a  b ") == (Texts{" ", " ", " "}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(it_is_known_whether_an_empty_text_matches) {
  for (const char* pattern : {"b*", R"(\b)", "(?=a)", ""})
    BOOST_TEST(Regex::compile(pattern)->may_be_empty(), pattern);
  for (const char* pattern : {"b+", R"(\ba)", " {2,}"})
    BOOST_TEST(!Regex::compile(pattern)->may_be_empty(), pattern);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_compiled_is_refused_with_the_pattern) {
  const auto regex = Regex::compile("a(");
  BOOST_REQUIRE(!regex);
  BOOST_TEST(regex.error().message.find("a(") != std::string::npos);
}

// A compiled pattern's stack holds some thousand rounds of a group.
BOOST_AUTO_TEST_CASE(a_group_repeats_as_often_as_a_long_text_has_it) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "abc";
  BOOST_TEST(matches("(?:a|bc)+", text + " ab").size() == 2u);
  BOOST_TEST(matches(R"((?:\p{L}\p{M}*)+)", text).size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_escaped_text_matches_itself_alone) {
  const std::string text = R"(<|a.b*[c](d)\E\Q^$|>)";
  BOOST_TEST(matches(escaped(text), "x" + text + "y") == Texts{text},
             boost::test_tools::per_element());
  BOOST_TEST(matches(escaped("a.b"), "aXb").empty());
}

BOOST_AUTO_TEST_SUITE_END()
