#include <boost/test/unit_test.hpp>

#include "actors/formats/base64.hpp"

using limelight::formats::from_base64;
using limelight::formats::to_base64;

BOOST_AUTO_TEST_SUITE(base64)

// The test vectors of RFC 4648, section 10.
BOOST_AUTO_TEST_CASE(texts_of_the_standard) {
  const std::pair<const char*, const char*> pairs[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {"f", "Zg"}};
  for (const auto& [bytes, text] : pairs) {
    const auto found = from_base64(text);
    BOOST_REQUIRE_MESSAGE(found.ok(), text);
    BOOST_TEST(*found == bytes);
    if (std::string_view(text).size() % 4 == 0) BOOST_TEST(to_base64(bytes) == text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_base64_is_refused_with_its_place) {
  for (const auto& [text, what] :
       {std::pair{"Zm9!", "offset 3"}, std::pair{"Zm9vY", "end within a byte"},
        std::pair{"Zm9v=", "1 '='"}, std::pair{"Z===", "3 '='"}, std::pair{"Zm 9", "offset 2"},
        std::pair{"Zg==Zg==", "offset 2"}}) {
    const auto found = from_base64(text);
    BOOST_REQUIRE_MESSAGE(!found.ok(), text);
    BOOST_TEST(found.error().message.find(what) != std::string::npos, found.error().message);
  }
}

BOOST_AUTO_TEST_SUITE_END()
