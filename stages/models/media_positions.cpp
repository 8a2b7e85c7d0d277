#include "stages/models/media_positions.hpp"

#include <algorithm>
#include <string>

namespace limelight::stages {

Result<ExpandedTokens> expand_placeholders(std::span<const int> tokens,
                                           const Qwen3Omni& omni,
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
