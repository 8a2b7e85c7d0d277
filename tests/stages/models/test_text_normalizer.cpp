// How text is changed before it is cut.
#include <boost/test/unit_test.hpp>

#include "stages/models/text_normalizer.hpp"

using namespace limelight::stages;
using Kind = NormalizerStep::Kind;

namespace {

std::string normalized(const std::vector<NormalizerStep>& steps, std::string text) {
  auto normalizer = TextNormalizer::make(steps);
  return normalizer ? (*normalizer)(std::move(text)) : "error: " + normalizer.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(text_normalizer)

BOOST_AUTO_TEST_CASE(unicode_s_forms) {
  BOOST_TEST(normalized({{.kind = Kind::nfc}}, "e\u0301 \ufb01") == "\u00e9 \ufb01");
  BOOST_TEST(normalized({{.kind = Kind::nfd}}, "\u00e9") == "e\u0301");
  BOOST_TEST(normalized({{.kind = Kind::nfkc}}, "\ufb01 \u00bd") == "fi 1\u20442");
  BOOST_TEST(normalized({{.kind = Kind::lowercase}}, "\u00c9T\u00c9 42") == "\u00e9t\u00e9 42");
  BOOST_TEST(normalized({{.kind = Kind::lowercase}}, "\u0130\u03a3") == "i\u0307\u03c3");
  BOOST_TEST(normalized({{.kind = Kind::nfc}},
                        "e\u0301\xff"
                        "e\u0301") == "\u00e9\xff\u00e9");
}

BOOST_AUTO_TEST_CASE(texts_are_replaced_put_before_and_stripped) {
  const NormalizerStep prepend{.kind = Kind::prepend, .to = "_"};
  BOOST_TEST(normalized({prepend, {.kind = Kind::replace, .from = " ", .to = "_"}}, "a b") ==
             "_a_b");
  BOOST_TEST(normalized({prepend}, "") == "");
  BOOST_TEST(normalized({{.kind = Kind::replace_regex, .from = R"(\s+)", .to = " "}},
                        "a \n b\tc") == "a b c");
  BOOST_TEST(normalized({{.kind = Kind::strip}}, " \u3000a b\n") == "a b");
  BOOST_TEST(normalized({{.kind = Kind::replace_regex, .from = "("}}, "x").starts_with("error: "));
  // The reference loses count behind a match without characters.
  BOOST_TEST(
      normalized({{.kind = Kind::replace_regex, .from = R"(\b)", .to = "_"}}, "x") ==
      R"(error: the normalizer: Replace: found the pattern '\b', expected one that no empty )"
      "text matches");
}

BOOST_AUTO_TEST_SUITE_END()
