#include <algorithm>
#include <cmath>
#include <limits>

#include "stages/models/characters.hpp"
#include "stages/models/piece_model.hpp"

namespace limelight::stages {

namespace {

// How much less an unknown character counts than the least likely token, as in SentencePiece.
constexpr double unknown_penalty = 10;

class UnigramModel final : public PieceModel {
 public:
  explicit UnigramModel(const TokenizerSpec& spec)
      : unknown_characters_(spec), unknown_(spec.unknown) {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
      if (spec.tokens[id].empty() || id >= spec.scores.size()) continue;
      tokens_.emplace(spec.tokens[id], Token{static_cast<int>(id), spec.scores[id]});
      longest_ = std::max(longest_, spec.tokens[id].size());
      least = std::min(least, spec.scores[id]);
    }
    unknown_score_ = std::isfinite(least) ? least - unknown_penalty : -unknown_penalty;
  }

  // The best way to each place in the piece, from its beginning (Viterbi's algorithm).
  void encode(std::string_view piece, std::vector<int>& tokens) const override {
    struct Way {
      double score = -std::numeric_limits<double>::infinity();
      std::size_t from = 0;
      int id = -1;
    };
    std::vector<Way> best(piece.size() + 1);
    best[0].score = 0;
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t one = character_length(piece.substr(at));
      bool known = false;
      for (std::size_t end = at + 1; end <= std::min(piece.size(), at + longest_); ++end) {
        const auto token = tokens_.find(piece.substr(at, end - at));
        if (token == tokens_.end()) continue;
        known = known || end == at + one;
        const double score = best[at].score + token->second.score;
        if (score > best[end].score) best[end] = {score, at, token->second.id};
      }
      const double score = best[at].score + unknown_score_;
      if (!known && score > best[at + one].score) best[at + one] = {score, at, -1};
      at += one;
    }
    const std::size_t first = tokens.size();
    std::vector<std::size_t> ends;
    for (std::size_t at = piece.size(); at > 0; at = best[at].from) ends.push_back(at);
    std::reverse(ends.begin(), ends.end());
    for (const std::size_t end : ends) {
      const Way& way = best[end];
      if (way.id >= 0 && way.id != unknown_) tokens.push_back(way.id);
      else unknown_characters_.encode(piece.substr(way.from, end - way.from), first, tokens);
    }
  }

 private:
  struct Token {
    int id;
    double score;
  };
  TokenMap<Token> tokens_;
  std::size_t longest_ = 0;
  double unknown_score_ = 0;
  UnknownCharacters unknown_characters_;
  int unknown_;
};

}  // namespace

Result<std::unique_ptr<PieceModel>> make_unigram_model(const TokenizerSpec& spec) {
  if (spec.scores.size() != spec.tokens.size() && spec.scores.empty())
    return Error{ErrorCode::corrupt, "the tokenizer's model: found no scores, expected one each"};
  return std::unique_ptr<PieceModel>(std::make_unique<UnigramModel>(spec));
}

}  // namespace limelight::stages
