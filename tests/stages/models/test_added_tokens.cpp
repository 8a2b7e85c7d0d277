// Tokens that are found in a text by their content.
#include <boost/test/unit_test.hpp>

#include "stages/models/added_tokens.hpp"

using namespace limelight::stages;

namespace {

// The parts of a text, tokens in brackets with their id.
std::string cut(const std::vector<AddedToken>& tokens, std::string_view text, bool special = true) {
  std::string all;
  for (const auto& part : AddedTokens(tokens).cut(text, special))
    all += part.id < 0 ? "|" + std::string(part.text)
                       : "[" + std::string(part.text) + ":" + std::to_string(part.id) + "]";
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(added_tokens)

BOOST_AUTO_TEST_CASE(the_first_and_of_several_the_longest_is_taken) {
  const std::vector<AddedToken> tokens{{.id = 1, .content = "<a>"}, {.id = 2, .content = "<a><b>"}};
  BOOST_TEST(cut(tokens, "x<a><b><a>y") == "|x[<a><b>:2][<a>:1]|y");
  BOOST_TEST(cut(tokens, "") == "");
  BOOST_TEST(cut(tokens, "<a") == "|<a");
}

BOOST_AUTO_TEST_CASE(special_ones_are_text_where_they_are_not_wanted) {
  const std::vector<AddedToken> tokens{{.id = 1, .content = "<s>", .special = true},
                                       {.id = 2, .content = "<think>"}};
  BOOST_TEST(cut(tokens, "<s><think>") == "[<s>:1][<think>:2]");
  BOOST_TEST(cut(tokens, "<s><think>", false) == "|<s>[<think>:2]");
}

BOOST_AUTO_TEST_CASE(in_one_that_does_not_count_no_other_is_looked_for) {
  const std::vector<AddedToken> tokens{{.id = 1, .content = "<ab>", .special = true},
                                       {.id = 2, .content = "ab"},
                                       {.id = 3, .content = "abba", .single_word = true}};
  BOOST_TEST(cut(tokens, "<ab>ab", false) == "|<ab>[ab:2]");
  BOOST_TEST(cut(tokens, "abbab") == "|abbab");
  BOOST_TEST(cut(tokens, "abba ab") == "[abba:3]| [ab:2]");
}

BOOST_AUTO_TEST_CASE(blanks_beside_a_token_can_be_its_own) {
  const std::vector<AddedToken> tokens{{.id = 1, .content = "<l>", .left_strip = true},
                                       {.id = 2, .content = "<r>", .right_strip = true}};
  BOOST_TEST(cut(tokens, "a \n<l> b") == "|a[ \n<l>:1]| b");
  BOOST_TEST(cut(tokens, "a <r>\u3000 b") == "|a [<r>\u3000 :2]|b");
  BOOST_TEST(cut(tokens, "<r> <l>") == "[<r> :2][<l>:1]");
  BOOST_TEST(cut({{.id = 1, .content = "\n", .right_strip = true}}, "\n \n") == "[\n \n:1][\n:1]");
}

BOOST_AUTO_TEST_CASE(a_single_word_stands_alone) {
  const std::vector<AddedToken> tokens{{.id = 1, .content = "word", .single_word = true}};
  BOOST_TEST(cut(tokens, "word, sword words word_ word\n") ==
             "[word:1]|, sword words word_ [word:1]|\n");
  BOOST_TEST(cut(tokens, "\u00e9word word\u65e5") == "|\u00e9word word\u65e5");
  BOOST_TEST(cut(tokens, "\nword") == "|\n[word:1]");
  // A sign of Unicode 15 is part of a word, too.
  BOOST_TEST(cut(tokens, "\u0cf3word") == "|\u0cf3word");
}

BOOST_AUTO_TEST_CASE(a_token_that_the_one_before_has_taken_whole_is_left_out) {
  const AddedToken both{.id = 1, .content = "\n", .left_strip = true, .right_strip = true};
  BOOST_TEST(cut({both}, "\n \n") == "[\n \n:1]");
  BOOST_TEST(cut({both}, "a \n\n b") == "|a[ \n\n :1]|b");
}

BOOST_AUTO_TEST_SUITE_END()
