#include "actors/pipeline/logprob_words.hpp"

#include <bit>
#include <cstring>
#include <iterator>

namespace limelight::actors {

namespace {

constexpr std::size_t head = 4;  // words before a token's bytes

std::size_t words_for(std::size_t bytes) { return (bytes + 3) / sizeof(std::int32_t); }

void append(const TokenLogprob& token, std::vector<std::int32_t>& to) {
  to.insert(to.end(), {token.token_id, std::bit_cast<std::int32_t>(token.logprob), token.rank,
                       static_cast<std::int32_t>(token.token.size())});
  const std::size_t at = to.size();
  to.resize(at + words_for(token.token.size()));
  if (!token.token.empty()) std::memcpy(to.data() + at, token.token.data(), token.token.size());
}

}  // namespace

std::vector<std::int32_t> to_words(const PositionLogprobs& of_token) {
  std::vector<std::int32_t> words;
  append(of_token.chosen, words);
  for (const TokenLogprob& top : of_token.top) append(top, words);
  return words;
}

Result<PositionLogprobs> logprobs_of(std::span<const std::int32_t> words) {
  std::vector<TokenLogprob> tokens;
  while (!words.empty()) {
    const std::size_t bytes = words.size() < head ? 0 : static_cast<std::uint32_t>(words[head - 1]);
    if (words.size() < head || words.size() - head < words_for(bytes))
      return Error{ErrorCode::corrupt, "logprobs: found " + std::to_string(words.size()) +
                                           " words for a token, expected " +
                                           std::to_string(head + words_for(bytes))};
    TokenLogprob token;
    token.token_id = words[0];
    token.logprob = std::bit_cast<float>(words[1]);
    token.rank = words[2];
    token.token.assign(reinterpret_cast<const char*>(words.data() + head), bytes);
    tokens.push_back(std::move(token));
    words = words.subspan(head + words_for(bytes));
  }
  if (tokens.empty()) return Error{ErrorCode::corrupt, "logprobs: found none, expected a token's"};
  PositionLogprobs position;
  position.chosen = std::move(tokens.front());
  position.top.assign(std::make_move_iterator(tokens.begin() + 1),
                      std::make_move_iterator(tokens.end()));
  return position;
}

}  // namespace limelight::actors
