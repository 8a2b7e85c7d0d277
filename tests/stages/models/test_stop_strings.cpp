// Stop strings in a text that comes in pieces.
#include <boost/test/unit_test.hpp>

#include "stages/models/stop_strings.hpp"

using limelight::stages::StopStrings;

namespace {

struct Shown {
  std::string text, found;
};
Shown show(std::vector<std::string> stops, const std::vector<std::string>& pieces) {
  StopStrings strings(std::move(stops));
  Shown shown;
  for (const std::string& piece : pieces) {
    shown.text += strings.push(piece) + "|";
    if (!(shown.found = strings.found()).empty()) return shown;
  }
  shown.text += strings.rest();
  return shown;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_text_ends_before_a_stop_string_also_across_pieces) {
  const auto expect = [](const Shown& shown, const char* text, const char* found) {
    BOOST_TEST(shown.text == text);
    BOOST_TEST(shown.found == found);
  };
  expect(show({}, {"a", "b"}), "a|b|", "");
  expect(show({"END"}, {"one END two"}), "one |", "END");
  expect(show({"END"}, {"one E", "N", "D two"}), "one |||", "END");
  expect(show({"END"}, {"one E", "N", "d two"}), "one ||ENd two|", "");
  expect(show({"END"}, {"one EN"}), "one |EN", "");  // it comes when nothing more does
  expect(show({"aab"}, {"aa", "a", "b"}), "|a||", "aab");
  expect(show({"b", "ab"}, {"xab"}), "x|", "ab");     // the one that begins first
  expect(show({"ab", "abc"}, {"xabc"}), "x|", "ab");  // then the first of the list
  expect(show({"\n\n", "\nQ:"}, {"A", "\n", "Q", ":"}), "A||||", "\nQ:");
}

// Every way to cut a text gives the same answer.
BOOST_AUTO_TEST_CASE(how_a_text_is_cut_into_pieces_changes_nothing) {
  const std::string text = "abcabdabcabe!";
  for (unsigned cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
    StopStrings strings({"abe", "bcx"});
    std::string shown, piece;
    for (std::size_t i = 0; i < text.size() && strings.found().empty(); ++i) {
      piece += text[i];
      if (i + 1 < text.size() && (cuts >> i & 1) == 0) continue;
      shown += strings.push(piece);
      piece.clear();
    }
    BOOST_REQUIRE(shown == "abcabdabc");
    BOOST_REQUIRE(strings.found() == "abe");
  }
}
