// Text to tokens and back: an interface, and the tokenizer of dummy models.
#pragma once

#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::stages {

struct TokenizerSpec;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<int> encode(std::string_view text) const = 0;
  // The tokens of a user's prompt, with what the model's chat template puts around it.
  virtual std::vector<int> encode_prompt(std::string_view prompt) const = 0;
  // What a token stands for: bytes, which need not be whole characters. Nothing for special tokens
  // and ids that there are not.
  virtual std::string bytes(int token) const = 0;
  // Whether a token ends the answer.
  virtual bool ends(int token) const = 0;
};

// A token for each byte, and syllables above them, so that invented text reads like text.
std::unique_ptr<Tokenizer> make_byte_tokenizer();
// Byte-level BPE. Errors: unavailable (a pattern that cannot be compiled), corrupt (a merge of
// tokens that there are not).
Result<std::unique_ptr<Tokenizer>> make_bpe_tokenizer(const TokenizerSpec& spec);

// Bytes as they come from tokens, given on as whole characters: what is the beginning of one waits
// for its end.
class CharacterStream {
 public:
  std::string push(std::string_view bytes);
  // What waits, at the end of all.
  std::string rest() { return std::exchange(waiting_, {}); }

 private:
  std::string waiting_;
};

}  // namespace limelight::stages
