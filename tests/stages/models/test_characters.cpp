// Characters of UTF-8, blanks and replacements.
#include <boost/test/unit_test.hpp>

#include "stages/models/byte_letters.hpp"
#include "stages/models/characters.hpp"

using namespace limelight::stages;

BOOST_AUTO_TEST_SUITE(characters)

BOOST_AUTO_TEST_CASE(a_character_is_as_long_as_its_first_byte_says_if_the_others_follow) {
  BOOST_TEST(character_length("a\u00e9") == 1u);
  BOOST_TEST(character_length("\u00e9") == 2u);
  BOOST_TEST(character_length("\u65e5x") == 3u);
  BOOST_TEST(character_length("\U0001F600") == 4u);
  BOOST_TEST(character_length("\xe6\x97") == 1u);
  BOOST_TEST(character_length("\xe6xx") == 1u);
  BOOST_TEST(character_length("\xff") == 1u);
}

BOOST_AUTO_TEST_CASE(blanks_are_those_of_unicode) {
  for (const char* blank : {" ", "\t", "\n", "\r", "\f", "\v", "\u0085", "\u00a0", "\u1680",
                            "\u2000", "\u200a", "\u2028", "\u202f", "\u205f", "\u3000"}) {
    const std::string size_of = blank, both = size_of + "x" + size_of;
    BOOST_TEST(leading_blanks(both) == size_of.size());
    BOOST_TEST(trailing_blanks(both) == size_of.size());
  }
  for (const char* none : {"x", "\u200b", "\u00e9", "\u2060", "\x1f", "\x80", "\xe2\x80", ""}) {
    BOOST_TEST(leading_blanks(none) == 0u);
    BOOST_TEST(trailing_blanks(none) == 0u);
  }
  BOOST_TEST(leading_blanks(" \u3000\n") == 5u);
  BOOST_TEST(trailing_blanks("x \u3000\n") == 5u);
}

BOOST_AUTO_TEST_CASE(replacements_are_not_looked_at_again) {
  BOOST_TEST(replaced("aXbXX", "X", "XX") == "aXXbXXXX");
  BOOST_TEST(replaced("", "X", "y") == "");
  BOOST_TEST(replaced("abab", "ab", "") == "");
}

BOOST_AUTO_TEST_CASE(each_byte_has_a_letter_of_its_own) {
  std::string all, letters;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    letters += byte_letters()[static_cast<std::size_t>(byte)];
  }
  BOOST_TEST(bytes_of_letters(letters) == all);
  BOOST_TEST(byte_letters()[' '] == "\u0120");
  BOOST_TEST(byte_letters()['a'] == "a");
  BOOST_TEST(bytes_of_letters("\u65e5") == "\u65e5");  // no letter
}

BOOST_AUTO_TEST_SUITE_END()
