// The alphabet of bytes that tokens of byte-level tokenizers are written in.
#include <boost/test/unit_test.hpp>
#include <set>

#include "stages/models/byte_letters.hpp"

using namespace limelight::stages;

BOOST_AUTO_TEST_SUITE(byte_letters_of_gpt2)

BOOST_AUTO_TEST_CASE(printable_bytes_are_themselves_and_others_have_letters_of_their_own) {
  BOOST_TEST(byte_letters()['a'] == "a");
  BOOST_TEST(byte_letters()[' '] == "\u0120");
  BOOST_TEST(byte_letters()['\n'] == "\u010a");
  BOOST_TEST(byte_letters()[0x00] == "\u0100");
  BOOST_TEST(byte_letters()[0xad] == "\u0143");  // the last that has none of its own
  BOOST_TEST(byte_letters()[0xff] == "\u00ff");
  const std::set<std::string> different(byte_letters().begin(), byte_letters().end());
  BOOST_TEST(different.size() == 256u);
}

BOOST_AUTO_TEST_CASE(each_byte_comes_back_and_what_is_no_letter_stays) {
  std::string letters, bytes;
  for (int byte = 0; byte < 256; ++byte) {
    letters += byte_letters()[static_cast<std::size_t>(byte)];
    bytes += static_cast<char>(byte);
  }
  BOOST_TEST(bytes_of_letters(letters) == bytes);
  BOOST_TEST(bytes_of_letters("\u0120\u20ac") == " \u20ac");
  BOOST_TEST(bytes_of_letters("a\xc3") == "a\xc3");  // cut in its middle
}

BOOST_AUTO_TEST_SUITE_END()
