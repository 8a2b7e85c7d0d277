// Patterns of tokenizer.json, which mean what they mean to the library that they are written for.
#include <boost/test/unit_test.hpp>

#include "stages/models/oniguruma.hpp"
#include "stages/models/regex.hpp"

using namespace limelight::stages;

namespace {

// The matches in brackets.
std::string matched(std::string_view pattern, std::string_view text) {
  const auto translated = pattern_of_oniguruma(pattern);
  if (!translated) return "refused: " + translated.error().message;
  const auto regex = Regex::compile(*translated);
  if (!regex) return "error: " + regex.error().message;
  std::string all;
  std::size_t at = 0;
  regex->for_each_match(text, [&](std::size_t begin, std::size_t end) {
    all.append(text.substr(at, begin - at)).append("[");
    all.append(text.substr(begin, end - begin)).append("]");
    at = end;
  });
  return all.append(text.substr(at));
}
std::string refused(std::string_view pattern) {
  const auto translated = pattern_of_oniguruma(pattern);
  if (translated) return "accepted";
  const std::string& said = translated.error().message;
  const auto from = said.find("': found '") + 10;
  return said.substr(from, said.find("', expected") - from);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(oniguruma)

BOOST_AUTO_TEST_CASE(words_blanks_and_hexadecimal_digits_are_those_of_oniguruma) {
  BOOST_TEST(matched(R"(\w)", "e\u0301_\u2167\u00b2-") == "[e][\u0301][_][\u2167][\u00b2]-");
  BOOST_TEST(matched(R"([\w-])", "a\u00b2\u00bd-") == "[a]\u00b2\u00bd[-]");
  BOOST_TEST(matched(R"(\w[\w])", "\u0cf3\U000105c0") ==
             "[\u0cf3\U000105c0]");  // of Unicode 15, 16
  BOOST_TEST(matched(R"([^\W\d])", "a") == R"(refused: the pattern '[^\W\d]': found '\W', )"
                                           "expected what regular expressions of PCRE2 have as "
                                           "well");
  BOOST_TEST(matched(R"(\s)", "a\u0085\u180e\u3000") == "a[\u0085]\u180e[\u3000]");
  BOOST_TEST(matched(R"([\S])", "\u180e ") == "[\u180e] ");
  BOOST_TEST(matched(R"(\h+)", "x fF9 ") == "x [fF9] ");
  BOOST_TEST(matched(R"(\v)", "\n\v") == "\n[\v]");
  BOOST_TEST(matched(R"(\bs)", "s e\u0301s \u00b2s") == "[s] e\u0301s \u00b2s");
}

BOOST_AUTO_TEST_CASE(lines_begin_and_end_at_their_ends) {
  BOOST_TEST(matched("^a", "a\na\n") == "[a]\n[a]\n");
  BOOST_TEST(matched("a$", "a\na") == "[a]\n[a]");
  BOOST_TEST(matched("a.", "a\na\r") == "a\n[a\r]");
  BOOST_TEST(matched("(?m:a.)", "a\na") == "[a\n]a");
}

BOOST_AUTO_TEST_CASE(counts_properties_and_numbers_of_characters) {
  BOOST_TEST(matched("a{,2}b", "aaab") == "a[aab]");
  BOOST_TEST(matched("a{b", "a{b") == "[a{b]");
  BOOST_TEST(matched(R"(\x{65e5}|\u0041|\x42)", "\u65e5AB") == "[\u65e5][A][B]");
  // A letter that several scripts share is of none of them.
  BOOST_TEST(matched(R"(\p{Hiragana})", "\u3042\u30fc") == "[\u3042]\u30fc");
  BOOST_TEST(matched(R"(\p{^L}|\P{^Lu})", "aB1") == "a[B][1]");
  BOOST_TEST(matched("[[:digit:]]+", "a12") == "a[12]");
}

BOOST_AUTO_TEST_CASE(a_match_may_be_empty_but_not_where_the_one_before_ended) {
  BOOST_TEST(matched("(?<=[a-z])(?=[A-Z])", "oneTwoThree") == "one[]Two[]Three");
  BOOST_TEST(matched("a*", "aab") == "[aa]b[]");
  BOOST_TEST(matched("x*", "\u65e5a") == "[]\u65e5[]a[]");
}

BOOST_AUTO_TEST_CASE(what_means_something_else_here_is_refused_with_its_name) {
  for (const char* same : {R"((?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\s+(?!\S))", R"([\w\-\]]+)",
                           "(?i)the|fox", "(?>a)++", R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])"})
    BOOST_TEST(refused(same) == "accepted", same);
  BOOST_TEST(refused("[a-z&&b]") == "[a-z&&");
  BOOST_TEST(refused("[a[b]]") == "[a[b]");
  BOOST_TEST(refused("[[:alpha:]]") == "[[:alpha:]");
  BOOST_TEST(refused("a{1,2}+") == "{1,2}+");
  BOOST_TEST(refused("a{2}?") == "{2}?");
  BOOST_TEST(refused("a(?i)b|c") == "(?i)");
  BOOST_TEST(refused("(?x)a") == "(?x");
  BOOST_TEST(refused("(?i:stra\u00dfe)") == "(?i");
  BOOST_TEST(refused("(?i:first)") == "(?i");
  BOOST_TEST(refused("(*ANY)a") == "(*");
  for (const char* escape : {R"(\K)", R"(\X)", R"(\N)", R"(\O)", R"(\g)", R"(\y)", R"(\0)"})
    BOOST_TEST(refused(escape) == escape);
  BOOST_TEST(refused(R"(\xe9)") == R"(\xe9)");
  BOOST_TEST(refused("a\\") == "\\");
  BOOST_TEST(refused("[ab") == "[ab");
  BOOST_TEST(matched(R"(\p{Alpha})", "a").starts_with("error: "));
}

BOOST_AUTO_TEST_CASE(a_search_that_takes_too_long_is_no_end_of_the_text) {
  // Compiled code has a small stack: a long word needs the other one.
  const std::string word(300'000, 'a');
  BOOST_TEST(matched(R"((?:\p{L}\p{M}*)+)", word) == "[" + word + "]");
  const auto regex = Regex::compile("(a+)+[bc]");
  BOOST_REQUIRE(regex);
  BOOST_CHECK_THROW(regex->for_each_match(std::string(5000, 'a'), [](auto, auto) {}), MatchFailed);
}

BOOST_AUTO_TEST_SUITE_END()
