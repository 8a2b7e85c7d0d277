// Where text is cut into pieces.
#include <boost/test/unit_test.hpp>

#include "stages/models/text_splitter.hpp"

using namespace limelight::stages;
using Behavior = SplitStep::Behavior;

namespace {

std::string pieces(const std::vector<SplitStep>& steps, std::string text, bool first = true) {
  auto splitter = TextSplitter::make(steps);
  if (!splitter) return "error: " + splitter.error().message;
  std::string all;
  for (const std::string& piece : (*splitter)(std::move(text), first))
    all += (all.empty() ? "" : "|") + piece;
  return all;
}
std::string by_digits(Behavior behavior, bool invert = false) {
  return pieces({{.pattern = R"(\d)", .behavior = behavior, .invert = invert}}, "ab12c3-45");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(text_splitter)

BOOST_AUTO_TEST_CASE(matches_stand_alone_go_or_join_their_neighbours) {
  BOOST_TEST(by_digits(Behavior::isolated) == "ab|1|2|c|3|-|4|5");
  BOOST_TEST(by_digits(Behavior::removed) == "ab|c|-");
  BOOST_TEST(by_digits(Behavior::removed, true) == "1|2|3|4|5");
  BOOST_TEST(by_digits(Behavior::contiguous) == "ab|12|c|3|-|45");
  BOOST_TEST(by_digits(Behavior::merged_with_previous) == "ab1|2|c3|-4|5");
  BOOST_TEST(by_digits(Behavior::merged_with_previous, true) == "ab|1|2c|3-|4|5");
  BOOST_TEST(by_digits(Behavior::merged_with_next) == "ab|1|2c|3-|4|5");
  BOOST_TEST(by_digits(Behavior::merged_with_next, true) == "ab1|2|c3|-4|5");
}

BOOST_AUTO_TEST_CASE(an_empty_match_cuts_and_leaves_no_piece) {
  BOOST_TEST(pieces({{.pattern = "(?<=[a-z])(?=[A-Z])"}}, "oneTwo") == "one|Two");
  BOOST_TEST(pieces({{.pattern = "-*", .behavior = Behavior::removed}}, "ab--c") == "a|b|c");
}

BOOST_AUTO_TEST_CASE(blanks_become_letters_that_pieces_begin_with) {
  const auto spaced = [](SplitStep::Prepend prepend, const char* text, bool first, bool split) {
    return pieces({{.kind = SplitStep::Kind::metaspace,
                    .replacement = "_",
                    .prepend = prepend,
                    .split = split}},
                  text, first);
  };
  BOOST_TEST(spaced(SplitStep::Prepend::always, "Hey  you", false, true) == "_Hey|_|_you");
  BOOST_TEST(spaced(SplitStep::Prepend::always, " Hey", false, true) == "_Hey");
  BOOST_TEST(spaced(SplitStep::Prepend::first, "Hey", true, true) == "_Hey");
  BOOST_TEST(spaced(SplitStep::Prepend::first, "Hey", false, true) == "Hey");
  BOOST_TEST(spaced(SplitStep::Prepend::never, "Hey you", true, false) == "Hey_you");
}

BOOST_AUTO_TEST_CASE(a_piece_behind_blanks_that_are_gone_is_not_the_first) {
  const std::vector<SplitStep> steps{{.pattern = " ", .behavior = Behavior::removed},
                                     {.kind = SplitStep::Kind::metaspace,
                                      .replacement = "_",
                                      .prepend = SplitStep::Prepend::first}};
  BOOST_TEST(pieces(steps, "Hey you") == "_Hey|you");
  BOOST_TEST(pieces(steps, " Hey you") == "Hey|you");
}

BOOST_AUTO_TEST_CASE(steps_follow_each_other_and_marks_belong_to_words) {
  BOOST_TEST(pieces({{.pattern = R"(\p{N})"}, {.pattern = gpt2_split}}, "It's 42 o'clock") ==
             "It|'s| |4|2| o|'|clock");
  BOOST_TEST(pieces({{.kind = SplitStep::Kind::prefix_space}}, "Hi") == " Hi");
  BOOST_TEST(pieces({{.pattern = R"(\w+)"}}, "e\u0301t\u00e9!") == "e\u0301t\u00e9|!");
  BOOST_TEST(pieces({{.pattern = "("}}, "x").starts_with("error: the pre-tokenizer: cannot"));
}

BOOST_AUTO_TEST_SUITE_END()
