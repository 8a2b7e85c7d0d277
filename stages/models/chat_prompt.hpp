// A conversation as one text, as the model's chat template has it (Jinja). Any thread may use it.
//
// What users write stays text: a special token in a message is not one in the prompt. So that the
// template sees messages as they are, but for this, a mark is put into such tokens: a character
// that no text has, which whoever encodes the result takes out after special tokens were found.
#pragma once

#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

class ChatTemplate;

class ChatPrompt {
 public:
  explicit ChatPrompt(const TokenizerSpec& spec);
  bool has_template() const noexcept { return !source_.empty(); }

  struct Rendered {
    std::string text, mark;
  };
  // Up to where the assistant's answer begins. Errors: invalid_argument (no template, or the
  // template refuses the conversation), unavailable (it uses what is not understood here, by name).
  Result<Rendered> render(std::span<const Message> messages) const;

 private:
  std::string source_;
  std::shared_ptr<const ChatTemplate> template_;
  Error error_{ErrorCode::none, {}};  // why there is none
  std::map<std::string, std::string> names_;
  std::vector<std::string> special_;  // contents of special tokens
};

}  // namespace limelight::stages
