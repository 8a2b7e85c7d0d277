// Where a text that comes piece by piece is cut into what is spoken together.
#include <boost/test/unit_test.hpp>

#include "examples/voice/sentences.hpp"

using voice::Sentences;

namespace {

using Texts = std::vector<std::string>;

Texts taken(Sentences& sentences) {
  Texts all;
  while (auto sentence = sentences.next()) all.push_back(*sentence);
  return all;
}
// The sentences of a text that comes at once, and byte by byte, which has to be the same.
Texts cut(const std::string& text) {
  Sentences whole, pieces;
  whole.add(text);
  whole.finish();
  const Texts at_once = taken(whole);
  Texts by_byte;
  for (const char& c : text) {
    pieces.add({&c, 1});
    for (std::string& sentence : taken(pieces)) by_byte.push_back(std::move(sentence));
  }
  pieces.finish();
  for (std::string& sentence : taken(pieces)) by_byte.push_back(std::move(sentence));
  BOOST_TEST(at_once == by_byte, boost::test_tools::per_element());
  return at_once;
}
void is_cut(const std::string& text, const Texts& expected) {
  BOOST_TEST_CONTEXT(text) {
    const Texts found = cut(text);
    BOOST_TEST(found == expected, boost::test_tools::per_element());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sentences)

BOOST_AUTO_TEST_CASE(a_sentence_is_there_as_soon_as_its_end_is_sure) {
  Sentences sentences;
  sentences.add("It rains");
  BOOST_TEST(!sentences.next());
  sentences.add(".");
  BOOST_TEST(!sentences.next());  // "It rains.5"?
  sentences.add(" Take");
  BOOST_TEST(sentences.next().value_or("") == "It rains.");
  BOOST_TEST(!sentences.next());
  sentences.finish();
  BOOST_TEST(sentences.next().value_or("") == "Take");
  BOOST_TEST(!sentences.next());
}

BOOST_AUTO_TEST_CASE(marks_with_a_blank_behind_them_end_sentences) {
  is_cut("One. Two! Three? Four", {"One.", "Two!", "Three?", "Four"});
  is_cut("A title\nA line", {"A title", "A line"});
  is_cut("What?! No!!! Yes.", {"What?!", "No!!!", "Yes."});
}

BOOST_AUTO_TEST_CASE(full_stops_of_words_and_numbers_end_none) {
  is_cut("Dr. Smith and Mrs. Jones met J. S. Bach.", {"Dr. Smith and Mrs. Jones met J. S. Bach."});
  is_cut("Pi is 3.14 and e is 2.72. Both go on.", {"Pi is 3.14 and e is 2.72.", "Both go on."});
  is_cut("1. Wash it. 2. Eat it.", {"1. Wash it.", "2. Eat it."});
  is_cut("See example.com for fruit, e.g. Apples.", {"See example.com for fruit, e.g. Apples."});
  is_cut("So did I. He did not.", {"So did I.", "He did not."});
}

BOOST_AUTO_TEST_CASE(an_ellipsis_ends_a_sentence_where_a_new_one_begins) {
  is_cut("Well... perhaps. Or... No.", {"Well... perhaps.", "Or...", "No."});
  is_cut("...", {});
}

BOOST_AUTO_TEST_CASE(closing_quotes_belong_to_the_sentence) {
  is_cut("\"Go!\" He went. (He ran.) So", {"\"Go!\"", "He went.", "(He ran.)", "So"});
  is_cut("\u201cGo.\u201d He went.", {"\u201cGo.\u201d", "He went."});
}

BOOST_AUTO_TEST_CASE(other_scripts_have_marks_of_their_own) {
  is_cut("\u4f60\u597d\u3002\u518d\u89c1\uff01", {"\u4f60\u597d\u3002", "\u518d\u89c1\uff01"});
  is_cut("\u0928\u092e\u0938\u094d\u0924\u0947\u0964 \u0915\u094c\u0928?",
         {"\u0928\u092e\u0938\u094d\u0924\u0947\u0964", "\u0915\u094c\u0928?"});
  is_cut("\u041f\u0440\u0438\u0432\u0435\u0442. \u041a\u0442\u043e?",
         {"\u041f\u0440\u0438\u0432\u0435\u0442.", "\u041a\u0442\u043e?"});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_spoken_is_no_sentence) {
  for (const char* text : {"", " ", "\n\n\n", "*** --- ###", "?!. ...", "\x01\x02\x7f", "\xff\xfe"})
    is_cut(text, {});
  is_cut("**Bold** and `code`,\x07 # too.", {"Bold and code, too."});
  is_cut("a\tb \xff c\xc3", {"a b c"});
  is_cut("\U0001f600", {"\U0001f600"});  // espeak-ng knows what it is called
}

BOOST_AUTO_TEST_CASE(a_text_without_an_end_is_cut_before_it_is_too_long) {
  const auto joined = [](const Texts& parts) {
    std::string all;
    for (const std::string& part : parts) {
      BOOST_TEST(part.size() <= Sentences::most_bytes);
      all += part;
    }
    return all;
  };
  const std::string word(10'000, 'x');
  BOOST_TEST((joined(cut(word)) == word));
  std::string wide;
  for (int i = 0; i < 3'000; ++i) wide += "\u4e00";
  BOOST_TEST((joined(cut(wide)) == wide));  // between two characters
  joined(cut(std::string(10'000, '\x80')));
  std::string words;
  for (int i = 0; i < 2'000; ++i) words += "many, many ";
  Texts parts = cut(words);
  parts.pop_back();
  for (const std::string& part : parts) BOOST_TEST(part.ends_with(','));
}

BOOST_AUTO_TEST_SUITE_END()
