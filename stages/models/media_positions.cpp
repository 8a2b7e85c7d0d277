#include "stages/models/media_positions.hpp"

#include <algorithm>
#include <string>

namespace limelight::stages {

Result<ExpandedTokens> expand_placeholders(std::span<const int> tokens,
                                           const OmniMedia& omni,
                                           std::span<const MediaGrid> media) {
  const auto places = [&](bool picture) {
    std::vector<int> all;
    for (std::size_t i = 0; i < media.size(); ++i)
      if (media[i].picture == picture) all.push_back(static_cast<int>(i));
    return all;
  };
  const std::vector<int> of_kind[] = {places(false), places(true)};
  std::size_t used[] = {0, 0};
  ExpandedTokens made;
  for (const int token : tokens) {
    const bool sound = token == omni.sound_token(), picture = token == omni.picture_token();
    if (!sound && !picture) {
      made.tokens.push_back(token);
      made.media.push_back(-1);
      continue;
    }
    const std::size_t kind = picture ? 1 : 0;
    if (used[kind]++ >= of_kind[kind].size()) continue;  // counted, for the error below
    const int place = of_kind[kind][used[kind] - 1];
    const auto count = static_cast<std::size_t>(media[static_cast<std::size_t>(place)].tokens());
    made.tokens.insert(made.tokens.end(), count, token);
    made.media.insert(made.media.end(), count, place);
  }
  for (const std::size_t kind : {std::size_t{0}, std::size_t{1}})
    if (used[kind] != of_kind[kind].size())
      return Error{ErrorCode::invalid_argument,
                   "the model's chat template: found " + std::to_string(used[kind]) +
                       " placeholders of " + (kind == 1 ? "pictures" : "sounds") + ", expected " +
                       std::to_string(of_kind[kind].size()) + ", as many as the messages have"};
  return made;
}

std::array<std::int32_t, 3> TokenTurns::at(int position) const {
  const auto first = static_cast<std::size_t>(position) * 3;
  if (first < turns.size()) return {turns[first], turns[first + 1], turns[first + 2]};
  const std::int32_t behind = next + position - static_cast<std::int32_t>(turns.size() / 3);
  return {behind, behind, behind};
}

Result<std::vector<MediaGrid>> read_grids(std::span<const std::int32_t> grids,
                                          std::uint64_t expected) {
  std::vector<MediaGrid> all;
  std::uint64_t tokens = 0;
  for (std::size_t i = 0; i + 1 < grids.size() && tokens <= expected; i += 2) {
    if (grids[i] < 1 || grids[i + 1] < 1 || grids[i] > 1 << 15 || grids[i + 1] > 1 << 15)
      return Error{ErrorCode::corrupt, "talker: found a picture of " + std::to_string(grids[i]) +
                                           " x " + std::to_string(grids[i + 1]) +
                                           " tokens, expected 1 to 32768 each way"};
    all.push_back({true, grids[i], grids[i + 1]});
    tokens += static_cast<std::uint64_t>(all.back().tokens());
  }
  if (tokens != expected)
    return Error{ErrorCode::corrupt, "talker: found pictures of " + std::to_string(tokens) +
                                         " tokens, expected " + std::to_string(expected) +
                                         ", as the prompt has"};
  return all;
}

TokenTurns turns_of(std::span<const int> tokens,
                    int picture_token,
                    std::span<const MediaGrid> pictures) {
  TokenTurns made;
  made.turns.reserve(tokens.size() * 3);
  const auto add = [&](std::int32_t time, std::int32_t height, std::int32_t width) {
    for (const std::int32_t turn : {time, height, width}) made.turns.push_back(turn);
  };
  for (std::size_t i = 0; i < tokens.size();) {
    if (tokens[i] != picture_token || pictures.empty()) {
      add(made.next, made.next, made.next);
      ++made.next;
      ++i;
      continue;
    }
    const MediaGrid& grid = pictures.front();
    pictures = pictures.subspan(1);
    for (int row = 0; row < grid.rows; ++row)
      for (int col = 0; col < grid.cols; ++col) add(made.next, made.next + row, made.next + col);
    made.next += std::max(grid.rows, grid.cols);
    i += static_cast<std::size_t>(grid.tokens());
  }
  return made;
}

}  // namespace limelight::stages
