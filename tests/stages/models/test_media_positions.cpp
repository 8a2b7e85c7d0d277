// Where sounds and pictures lie in a prompt. The positions are those that get_rope_index() of
// transformers 5.24 gives for the same tokens.
#include <boost/test/unit_test.hpp>

#include "stages/models/media_positions.hpp"

using namespace limelight;
using namespace limelight::stages;
using boost::test_tools::per_element;

namespace {

constexpr int sound_token = 4, picture_token = 5;

OmniMedia omni() { return {.placeholders = {sound_token, picture_token, 6}}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(media_positions)

BOOST_AUTO_TEST_CASE(a_placeholder_becomes_as_many_as_its_sound_or_picture_has_rows) {
  const std::vector<int> tokens{9, picture_token, 8, sound_token, picture_token};
  const std::vector<MediaGrid> media{{false, 1, 3}, {true, 1, 2}, {true, 2, 2}};
  const auto made = expand_placeholders(tokens, omni(), media);
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->tokens == (std::vector<int>{9, 5, 5, 8, 4, 4, 4, 5, 5, 5, 5}), per_element());
  BOOST_TEST(made->media == (std::vector<int>{-1, 1, 1, -1, 0, 0, 0, 2, 2, 2, 2}), per_element());
}

BOOST_AUTO_TEST_CASE(other_numbers_of_placeholders_than_the_messages_have_are_refused) {
  const std::vector<int> tokens{9, picture_token, picture_token};
  const std::vector<MediaGrid> media{{true, 1, 2}};
  const auto made = expand_placeholders(tokens, omni(), media);
  BOOST_REQUIRE(!made.ok());
  BOOST_TEST(made.error().message.find("found 2 placeholders of pictures, expected 1") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_picture_turns_by_its_rows_and_columns_and_what_follows_by_the_longer_side) {
  const std::vector<int> tokens{1,
                                picture_token,
                                picture_token,
                                picture_token,
                                picture_token,
                                picture_token,
                                picture_token,
                                2,
                                3};
  const std::vector<MediaGrid> pictures{{true, 2, 3}};
  const TokenTurns made = turns_of(tokens, picture_token, pictures);
  BOOST_TEST(made.turns == (std::vector<std::int32_t>{0, 0, 0, 1, 1, 1, 1, 1, 2, 1, 1, 3, 1, 2,
                                                      1, 1, 2, 2, 1, 2, 3, 4, 4, 4, 5, 5, 5}),
             per_element());
  BOOST_TEST(made.next == 6);
}

BOOST_AUTO_TEST_CASE(sounds_and_placeholders_without_a_picture_turn_as_text_does) {
  const std::vector<int> tokens{1, sound_token, sound_token, picture_token, 2};
  const TokenTurns made = turns_of(tokens, picture_token, {});
  BOOST_TEST(made.turns == (std::vector<std::int32_t>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}),
             per_element());
  BOOST_TEST(made.next == 5);
}

BOOST_AUTO_TEST_SUITE_END()
