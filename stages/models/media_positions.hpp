// Where the rows of sounds and pictures lie among a prompt's tokens, and by what positions a
// decoder turns them, as get_rope_index() of transformers has it for the omni models:
//
//   tokens           text  text  picture of 2 x 2      text
//   time               0     1     2   2   2   2         4
//   height             0     1     2   2   3   3         4
//   width              0     1     2   3   2   3         4
//
// A sound's rows follow each other as text does.
#pragma once

#include <array>
#include <cstdint>
#include <limelight/result.hpp>
#include <span>
#include <vector>

#include "stages/models/omni_media.hpp"

namespace limelight::stages {

// The rows of a sound, 1 x n, or of a picture.
struct MediaGrid {
  bool picture = false;
  int rows = 1, cols = 0;
  int tokens() const noexcept { return rows * cols; }
};

struct ExpandedTokens {
  std::vector<int> tokens;
  // For each token the place of its sound or picture in `media`, or -1.
  std::vector<int> media;
};
// Repeats each placeholder as often as its sound or picture has rows: the first one of a sound is
// for the first sound, and so on. Errors: invalid_argument (there are more or fewer of them).
Result<ExpandedTokens> expand_placeholders(std::span<const int> tokens,
                                           const OmniMedia& omni,
                                           std::span<const MediaGrid> media);

struct TokenTurns {
  std::vector<std::int32_t> turns;  // time, height and width: [tokens, 3]
  std::int32_t next = 0;            // all three of the token behind them
  // Of the token at a position, which may be behind them.
  std::array<std::int32_t, 3> at(int position) const;
};
// Rows and columns of the tokens of pictures, [n, 2], as pictures. tokens: that they have together.
// Errors: corrupt (they have others, or a number is out of its range).
Result<std::vector<MediaGrid>> read_grids(std::span<const std::int32_t> grids,
                                          std::uint64_t tokens);

// pictures: in the order of their runs of `picture_token`, which are complete. A picture_token
// without a picture counts as text.
TokenTurns turns_of(std::span<const int> tokens,
                    int picture_token,
                    std::span<const MediaGrid> pictures);

}  // namespace limelight::stages
