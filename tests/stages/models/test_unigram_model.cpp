// The unigram model on single pieces. Whole tokenizers: test_text_tokenizer.cpp.
#include <boost/test/unit_test.hpp>

#include "stages/models/piece_model.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

struct Scored {
  const char* token;
  double score;
};
TokenizerSpec unigrams(std::initializer_list<Scored> scored) {
  TokenizerSpec spec;
  spec.model = TokenizerSpec::Model::unigram;
  for (const Scored& one : scored) {
    spec.tokens.push_back(one.token);
    spec.scores.push_back(one.score);
  }
  return spec;
}
std::vector<int> cut(const TokenizerSpec& spec, std::string_view piece) {
  auto model = make_unigram_model(spec);
  if (!model) BOOST_FAIL(model.error().message);
  std::vector<int> tokens;
  (*model)->encode(piece, tokens);
  return tokens;
}
using Ids = std::vector<int>;

}  // namespace

BOOST_AUTO_TEST_SUITE(unigram_model)

BOOST_AUTO_TEST_CASE(the_largest_sum_wins_not_the_longest_token) {
  BOOST_TEST(cut(unigrams({{"a", -1}, {"b", -1}, {"ab", -3}}), "ab") == (Ids{0, 1}));
  BOOST_TEST(cut(unigrams({{"a", -1}, {"b", -1}, {"ab", -1.5}}), "ab") == Ids{2});
  // Greedy from the left would take "ab", and leave "c" for 5.
  BOOST_TEST(cut(unigrams({{"a", -2}, {"ab", -1}, {"bc", -2}, {"c", -5}}), "abc") == (Ids{0, 2}));
}

BOOST_AUTO_TEST_CASE(an_unknown_character_costs_ten_more_than_the_least_token) {
  TokenizerSpec spec = unigrams({{"<unk>", 0}, {"a", -1}, {"b", -4}});
  spec.unknown = 0;
  BOOST_TEST(cut(spec, "a\u20acb") == (Ids{1, 0, 2}));
  spec.fuse_unknown = true;
  BOOST_TEST(cut(spec, "\u20ac\u20acb") == (Ids{0, 2}));
  // What is known is no unknown character, whatever it costs.
  TokenizerSpec dear = unigrams({{"a", -1}, {"b", -100}});
  BOOST_TEST(cut(dear, "ab") == (Ids{0, 1}));
}

BOOST_AUTO_TEST_CASE(without_scores_there_is_no_model) {
  TokenizerSpec spec;
  spec.tokens = {"a"};
  const auto model = make_unigram_model(spec);
  BOOST_REQUIRE(!model);
  BOOST_TEST(model.error().message == "the tokenizer's model: found no scores, expected one each");
}

BOOST_AUTO_TEST_SUITE_END()
