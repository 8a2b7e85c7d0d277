// Converts text to tokens and tokens to text: an interface, and the tokenizer of dummy models. A
// tokenizer does not change, so any thread may use it.
#pragma once

#include <algorithm>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::stages {

struct TokenizerSpec;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<int> encode(std::string_view text) const = 0;
  // The tokens of a user's prompt, inside the texts and special tokens of the model's chat
  // template.
  virtual std::vector<int> encode_prompt(std::string_view prompt) const = 0;
  // The same of a conversation; what follows is the assistant's answer. Errors: invalid_argument (a
  // role, or a model without a chat template that is known here).
  virtual Result<std::vector<int>> encode_messages(std::span<const Message> messages) const = 0;
  // The bytes of a token, which need not be whole characters. Empty for special tokens and unknown
  // ids.
  virtual std::string bytes(int token) const = 0;
  // The tokens that end an answer.
  virtual const std::vector<int>& ends() const = 0;
  bool ends(int token) const {
    return std::find(ends().begin(), ends().end(), token) != ends().end();
  }
};

// A tokenizer with one token for each byte. Ids from 256 on are syllables, so that the random
// output of a dummy model can be read aloud.
std::unique_ptr<Tokenizer> make_byte_tokenizer();
// Errors: invalid_argument (no messages, or a role that is none of system, user and assistant).
Result<void> check(std::span<const Message> messages);
// Byte-level BPE. Errors: unavailable (a pattern that cannot be compiled), corrupt (a merge of
// tokens that the vocabulary does not have).
Result<std::unique_ptr<Tokenizer>> make_bpe_tokenizer(const TokenizerSpec& spec);

// Joins the bytes of tokens to whole UTF-8 characters. push() returns the characters that are
// complete and keeps the beginning of an incomplete one.
class CharacterStream {
 public:
  std::string push(std::string_view bytes);
  // Returns the incomplete character, when no more bytes come.
  std::string rest() { return std::exchange(waiting_, {}); }

 private:
  std::string waiting_;
};

}  // namespace limelight::stages
