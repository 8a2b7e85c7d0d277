// Whether a text is JSON, against another parser.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "profiling/analysis/json_text.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(json_text)

BOOST_AUTO_TEST_CASE(texts_are_taken_and_refused_as_another_parser_does) {
  const std::vector<std::string> texts{
      R"({"ph":"X","ts":1.5e-3,"args":{"a":[1,-0,0.5,true,false,null],"b":{}},"n":"\u00e4\"\\"})",
      "[]",
      "[1 , 2]",
      " {\n} ",
      "\"\xc3\xa4\xf0\x9f\x98\x80\"",
      R"("\ud83d\ude00")",
      "-",
      "01",
      "1.",
      "1e",
      ".5",
      "+1",
      "\"\xff\"",
      "\"\xc0\x80\"",
      "\"\xed\xa0\x80\"",
      R"("\ud800")",
      R"("\udc00")",
      R"("\x")",
      "\"a\nb\"",
      "{\"a\":1,}",
      "[1,]",
      "[,]",
      "{1:2}",
      "[1}",
      "",
      "{} {}",
      "nul",
      "NaN",
      "{\"a\" 1}"};
  std::mt19937 random(11);
  std::size_t taken = 0;
  for (const std::string& text : texts) {
    BOOST_TEST(prof::is_json(text) == nlohmann::json::accept(text), text);
    for (int i = 0; i < 4000; ++i) {  // with a few characters changed
      std::string other = text;
      for (unsigned changes = 1 + random() % 3; changes > 0 && !other.empty(); --changes) {
        const std::size_t at = random() % other.size();
        if (random() % 3 == 0) other.erase(at, 1);
        else
          other[at] = random() % 8 == 0 ? static_cast<char>(1 + random() % 255)
                                        : "{}[]\",:\\u0e1.-+ tn"[random() % 18];
      }
      const bool is = prof::is_json(other);
      taken += is;
      BOOST_REQUIRE_MESSAGE(is == nlohmann::json::accept(other), other);
    }
  }
  BOOST_TEST(taken > 1000u);
}

BOOST_AUTO_TEST_CASE(brackets_without_end_need_no_stack) {
  BOOST_TEST(prof::is_json(std::string(512, '[') + std::string(512, ']')));
  BOOST_TEST(!prof::is_json(std::string(10'000'000, '[')));
}

BOOST_AUTO_TEST_SUITE_END()
