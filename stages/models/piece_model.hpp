// From the characters of a piece to tokens: byte-pair encoding (Sennrich et al. 2016), by a list of
// merges or by scores, and the unigram model (Kudo 2018). Any thread may use one.
#pragma once

#include <limelight/result.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

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
  void encode(std::string_view character, std::vector<int>& tokens) const;

 private:
  std::vector<int> bytes_;  // <0x00> to <0xFF>; empty: not all of them are there
  int unknown_;
  bool fuse_;
};

// The length of the character of UTF-8 that `text` begins with; 1 where it is none.
std::size_t character_length(std::string_view text);

}  // namespace limelight::stages
