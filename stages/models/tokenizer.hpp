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
  // May throw MatchFailed (regex.hpp), which the others return as an error.
  virtual std::vector<int> encode(std::string_view text) const = 0;
  // The tokens of a user's prompt, inside the texts and special tokens of the model's chat
  // template, if it has one. Errors: as of encode_messages().
  virtual Result<std::vector<int>> encode_prompt(std::string_view prompt) const = 0;
  // The tokens of a text that the model goes on with as it is, inside those that it puts around
  // every text. Errors: too_large (a pattern of the tokenizer needs too long for it).
  virtual Result<std::vector<int>> encode_plain(std::string_view prompt) const {
    return encode(prompt);
  }
  // The same as encode_prompt() of a conversation; what follows is the assistant's answer. Errors:
  // invalid_argument (a role, a model without a chat template, a conversation that the template
  // refuses), unavailable (a template that uses what is not understood here), too_large (as above).
  virtual Result<std::vector<int>> encode_messages(std::span<const Message> messages) const = 0;
  // The bytes of a token, which need not be whole characters. Empty for special tokens and unknown
  // ids.
  virtual std::string bytes(int token) const = 0;
  // Those of the first token of an answer that has bytes: some tokenizers leave its blanks out.
  virtual std::string first_bytes(int token) const { return bytes(token); }
  // The tokens that end an answer.
  virtual const std::vector<int>& ends() const = 0;
  // Whether a blank that the text of an answer begins with is not part of it.
  virtual bool strips_first_blank() const { return false; }
  bool ends(int token) const {
    return std::find(ends().begin(), ends().end(), token) != ends().end();
  }
};

// A tokenizer with one token for each byte. Ids from 256 on are syllables, so that the random
// output of a dummy model can be read aloud.
std::unique_ptr<Tokenizer> make_byte_tokenizer();
// Errors: invalid_argument (no messages, or a role that is none of system, user, assistant and
// tool).
Result<void> check(std::span<const Message> messages);
// That of a published model. Errors: unavailable (a pattern that cannot be compiled, an added token
// that cannot be found), corrupt (a merge of tokens that the vocabulary does not have).
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const TokenizerSpec& spec);

// Joins the bytes of tokens to whole UTF-8 characters. push() returns the characters that are
// complete and keeps the beginning of an incomplete one.
class CharacterStream {
 public:
  // strips: the first character is left out if it is a blank.
  explicit CharacterStream(bool strips = false) : strips_(strips) {}
  std::string push(std::string_view bytes);
  // The same of a token's bytes.
  std::string push(const Tokenizer& tokenizer, int token);
  // Returns the incomplete character, when no more bytes come.
  std::string rest() { return std::exchange(waiting_, {}); }

 private:
  std::string waiting_;
  bool strips_;
  bool first_ = true;  // no token has had bytes
};

}  // namespace limelight::stages
