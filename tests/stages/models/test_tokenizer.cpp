// Bytes and characters of text that comes token by token.
#include <boost/test/unit_test.hpp>

#include "stages/models/tokenizer.hpp"

using namespace limelight::stages;

BOOST_AUTO_TEST_CASE(a_character_waits_for_its_last_byte) {
  CharacterStream stream;
  const std::string text = "a\u00e9\u65e5\U0001F600";
  std::string out;
  for (const char c : text) {
    const std::string piece = stream.push({&c, 1});
    BOOST_TEST((piece.empty() || (static_cast<unsigned char>(piece[0]) & 0xc0) != 0x80));
    out += piece;
  }
  BOOST_TEST(out == text);
  BOOST_TEST(stream.push("\xf0\x9f") == "");
  BOOST_TEST(stream.rest() == "\xf0\x9f");
  BOOST_TEST(stream.push("\xff!") == "\xff!");  // no character begins so
}

BOOST_AUTO_TEST_CASE(a_token_s_bytes_are_pushed_as_they_are_where_no_blank_is_left_out) {
  const auto bytes = make_byte_tokenizer();
  CharacterStream stream;
  BOOST_TEST(stream.push(*bytes, ' ') + stream.push(*bytes, 'a') == " a");
}
