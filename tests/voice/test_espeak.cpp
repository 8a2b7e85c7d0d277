// Phonemes of sentences, with the marks that a Piper voice was trained with.
#include <boost/test/unit_test.hpp>

#include "examples/voice/espeak.hpp"

namespace {
struct Started {
  Started() { BOOST_REQUIRE(voice::start_espeak("en-us").ok()); }
};
// Marks and blanks alone: the phonemes are espeak-ng's own, and change with its version.
std::string marks_of(const std::string& sentence) {
  std::string marks;
  for (const char c : voice::phonemes_of(sentence))
    if (std::string_view(".,;:!?").find(c) != std::string_view::npos) marks += c;
  return marks;
}
}  // namespace

BOOST_FIXTURE_TEST_SUITE(espeak, Started)

BOOST_AUTO_TEST_CASE(a_sentence_becomes_ipa) {
  BOOST_TEST(voice::phonemes_of("Hello, world.") ==
             "h\u0259l\u02c8o\u028a, w\u02c8\u025c\u02d0ld.");
}

BOOST_AUTO_TEST_CASE(clauses_keep_the_marks_that_end_them) {
  BOOST_TEST(marks_of("First: one, two; three?") == ":,;?");
  BOOST_TEST(marks_of("\"Stop,\" he said!") == ",!");
  BOOST_TEST(marks_of("(He said \"stop!\"), then left.") == ",.");
  BOOST_TEST(marks_of("Really?!") == "?");
  BOOST_TEST(marks_of("No end") == "");
  BOOST_TEST(marks_of("Dr. Who paid 1,000.50 at 10:30.") == ".");
}

BOOST_AUTO_TEST_CASE(what_has_no_sound_has_no_phonemes) {
  for (const char* text : {"", " ", "...", "?!", "()"})
    BOOST_TEST(voice::phonemes_of(text) == "", text);
}

BOOST_AUTO_TEST_CASE(changes_of_the_language_are_not_spoken) {
  BOOST_TEST(voice::phonemes_of("\u041f\u0440\u0438\u0432\u0435\u0442").find('(') ==
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_voice_that_is_not_there_is_told) {
  const auto started = voice::start_espeak("no-such-voice");
  BOOST_REQUIRE(!started.ok());
  BOOST_TEST(started.error().message ==
             "found 'espeak.voice': 'no-such-voice', expected a voice of espeak-ng");
}

BOOST_AUTO_TEST_SUITE_END()
