#include <boost/test/unit_test.hpp>

#include "actors/http/keys.hpp"

using limelight::http::Keys;

BOOST_AUTO_TEST_SUITE(keys)

BOOST_AUTO_TEST_CASE(only_whole_tokens_behind_the_word_bearer) {
  const Keys keys({"one", "two words"});
  for (const char* good : {"Bearer one", "bearer one", "BEARER two words"})
    BOOST_TEST(keys.accept(good), good);
  for (const char* bad : {"", "one", "Bearer", "Bearer ", "Bearer on", "Bearer onee", "Bearer  one",
                          "Basic one", "Bearer two"})
    BOOST_TEST(!keys.accept(bad), bad);
  BOOST_TEST(Keys().empty());
  BOOST_TEST(!Keys().accept("Bearer "));
}

BOOST_AUTO_TEST_SUITE_END()
