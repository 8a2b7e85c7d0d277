// From the characters of a piece to tokens: byte-pair encoding (Sennrich et al. 2016), by a list of
// merges or by scores, and the unigram model (Kudo 2018). Any thread may use one.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

// By the text of a token; a part of a piece is looked up without a copy.
struct TokenHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};
template <class Value>
using TokenMap = std::unordered_map<std::string, Value, TokenHash, std::equal_to<>>;

class PieceModel {
 public:
  virtual ~PieceModel() = default;
  // Appends the tokens of a piece. Bytes that no token stands for are left out.
  virtual void encode(std::string_view piece, std::vector<int>& tokens) const = 0;
};

// spec.byte_level: pieces are bytes, which become letters first. Errors: corrupt (a merge of tokens
// that the vocabulary does not have).
Result<std::unique_ptr<PieceModel>> make_bpe_model(const TokenizerSpec& spec);
// Errors: corrupt (no scores).
Result<std::unique_ptr<PieceModel>> make_unigram_model(const TokenizerSpec& spec);

// The tokens of characters that the vocabulary lacks.
class UnknownCharacters {
 public:
  explicit UnknownCharacters(const TokenizerSpec& spec);
  bool leaves_out(std::string_view character) const {
    return unknown_ < 0 && !has_bytes(character);
  }
  // first: of the tokens of the piece, in which unknown ones may become one.
  void encode(std::string_view character, std::size_t first, std::vector<int>& tokens) const;

 private:
  bool has_bytes(std::string_view character) const;

  std::vector<int> bytes_;  // <0x00> to <0xFF>, -1 for one that is not there; empty: none is used
  int unknown_;
  bool fuse_;
};

}  // namespace limelight::stages
