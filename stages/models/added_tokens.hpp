// Finds the tokens that are looked for in a text by their content, before it is normalised or
// after. Any thread may use it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

class AddedTokens {
 public:
  explicit AddedTokens(std::vector<AddedToken> tokens);

  struct Part {
    std::string_view text;  // of the whole
    int id = -1;            // of a token; -1: it is text
  };
  // Cuts a text at the tokens in it: the first one, and of several that begin there the longest.
  // special: special tokens are looked for as well.
  std::vector<Part> cut(std::string_view text, bool special) const;
  bool empty() const noexcept { return tokens_.empty(); }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<char, std::vector<std::size_t>> by_first_byte_;  // longest first
};

}  // namespace limelight::stages
