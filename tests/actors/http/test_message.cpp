// Plain values of HTTP.
#include <boost/test/unit_test.hpp>

#include "actors/http/message.hpp"

using namespace limelight::http;

BOOST_AUTO_TEST_SUITE(http_message)

BOOST_AUTO_TEST_CASE(a_header_is_the_first_of_its_name) {
  const HttpRequest request{.headers = {{"accept", "a"}, {"accept", "b"}}};
  BOOST_TEST(request.header("accept") == "a");
  BOOST_TEST(request.header("Accept") == "");
  BOOST_TEST(request.header("range") == "");
}

BOOST_AUTO_TEST_CASE(a_websocket_is_asked_for_in_letters_of_any_size) {
  const auto asks = [](std::string upgrade) {
    return asks_for_websocket({.headers = {{"upgrade", std::move(upgrade)}}});
  };
  BOOST_TEST(asks("websocket"));
  BOOST_TEST(asks("WebSocket"));
  BOOST_TEST(!asks("websockets"));
  BOOST_TEST(!asks("h2c"));
  BOOST_TEST(!asks(""));
}

BOOST_AUTO_TEST_CASE(a_plain_word_can_stand_in_headers_traces_and_file_names) {
  for (const char* word : {"a", "req-1_2.3:4@host", "A9"}) BOOST_TEST(is_plain_word(word), word);
  for (const char* word : {"", ".hidden", "..", "a/b", "a b", "a\nb", "a\"b", "\u00e4", "a;b"})
    BOOST_TEST(!is_plain_word(word), word);
  BOOST_TEST(is_plain_word(std::string(128, 'a')));
  BOOST_TEST(!is_plain_word(std::string(129, 'a')));
}

BOOST_AUTO_TEST_SUITE_END()
