// Byte-pair encoding of single pieces. Whole tokenizers: test_text_tokenizer.cpp.
#include <boost/test/unit_test.hpp>

#include "stages/models/piece_model.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

TokenizerSpec by_merges(std::vector<std::string> tokens, std::vector<std::string> merges) {
  TokenizerSpec spec;
  spec.tokens = std::move(tokens);
  spec.merges = std::move(merges);
  return spec;
}
std::vector<int> merged(const TokenizerSpec& spec, std::string_view piece) {
  auto model = make_bpe_model(spec);
  if (!model) BOOST_FAIL(model.error().message);
  std::vector<int> tokens;
  (*model)->encode(piece, tokens);
  return tokens;
}
using Tokens = std::vector<int>;

}  // namespace

BOOST_AUTO_TEST_SUITE(bpe_model)

BOOST_AUTO_TEST_CASE(the_first_merge_of_the_list_comes_first_wherever_it_stands) {
  const std::vector<std::string> tokens{"a", "b", "c", "bc", "ab", "abc"};
  BOOST_TEST(merged(by_merges(tokens, {"b c", "a b"}), "abc") == (Tokens{0, 3}));
  BOOST_TEST(merged(by_merges(tokens, {"a b", "b c"}), "abc") == (Tokens{4, 2}));
  BOOST_TEST(merged(by_merges(tokens, {"b c", "a bc"}), "abc") == Tokens{5});
}

BOOST_AUTO_TEST_CASE(of_equal_merges_the_left_one_comes_first) {
  BOOST_TEST(merged(by_merges({"a", "aa"}, {"a a"}), "aaa") == (Tokens{1, 0}));
  BOOST_TEST(merged(by_merges({"a", "aa", "aaaa"}, {"a a", "aa aa"}), "aaaaaa") == (Tokens{2, 1}));
}

BOOST_AUTO_TEST_CASE(a_whole_word_needs_no_merges_where_the_tokenizer_says_so) {
  TokenizerSpec spec = by_merges({"a", "b", "ab"}, {});
  BOOST_TEST(merged(spec, "ab") == (Tokens{0, 1}));
  spec.whole_words_first = true;
  BOOST_TEST(merged(spec, "ab") == Tokens{2});
}

BOOST_AUTO_TEST_CASE(a_character_without_a_token_is_left_out_or_unknown_or_bytes) {
  TokenizerSpec spec = by_merges({"a", "?"}, {});
  BOOST_TEST(merged(spec, "a\u20aca") == (Tokens{0, 0}));
  spec.unknown = 1;
  BOOST_TEST(merged(spec, "a\u20ac\u20aca") == (Tokens{0, 1, 1, 0}));
  spec.fuse_unknown = true;
  BOOST_TEST(merged(spec, "a\u20ac\u20aca") == (Tokens{0, 1, 0}));
  spec.byte_fallback = true;  // without all its tokens it is none
  BOOST_TEST(merged(spec, "\u20ac") == Tokens{1});
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    spec.tokens.push_back(name);
  }
  BOOST_TEST(merged(spec, "\u20ac") == (Tokens{2 + 0xe2, 2 + 0x82, 2 + 0xac}));
}

BOOST_AUTO_TEST_CASE(an_added_token_is_no_part_of_words_unless_the_model_has_it_too) {
  TokenizerSpec spec = by_merges({"a", "b", "ab"}, {"a b"});
  spec.added = {{.id = 2, .content = "ab"}};
  BOOST_TEST(!make_bpe_model(spec));
  spec.added[0].in_model = true;
  BOOST_TEST(merged(spec, "ab") == Tokens{2});
}

BOOST_AUTO_TEST_CASE(a_merge_of_what_is_no_token_is_refused_with_its_place) {
  const auto model = make_bpe_model(by_merges({"a", "b", "ab"}, {"a b", "b a"}));
  BOOST_REQUIRE(!model);
  BOOST_TEST(model.error().message ==
             "merge 1 of the tokenizer: found 'b a', expected two tokens of the vocabulary whose "
             "union is a third");
}

BOOST_AUTO_TEST_SUITE_END()
