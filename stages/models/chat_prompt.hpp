// A conversation as one text, as the model's chat template has it (Jinja). Any thread may use it.
//
// What users write stays text: a special token in a message is not one in the prompt. So that the
// template sees messages as they are, but for this, a mark is put into such tokens: a character
// that no text has, which whoever encodes the result takes out after special tokens were found.
//
// What tools answered and the calls of them are in the text, or the conversation is refused: many
// templates leave out what they do not know, and nobody would see it.
#pragma once

#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
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
  // Up to where the assistant's answer begins. Errors: invalid_argument (no template, the template
  // refuses the conversation, Message::fields is none), unavailable (the template uses what is not
  // understood here, by name, or it leaves out a tool's answer or call).
  Result<Rendered> render(std::span<const Message> messages) const;

 private:
  Result<std::string> apply(const nlohmann::ordered_json& messages, const std::string& mark) const;
  Result<void> check_tools(nlohmann::ordered_json messages,
                           const std::string& mark,
                           const std::string& probe) const;

  std::string source_;
  std::shared_ptr<const ChatTemplate> template_;
  Error error_{ErrorCode::none, {}};  // why there is none
  std::map<std::string, std::string> names_;
  std::vector<std::string> special_;  // contents of special tokens
};

}  // namespace limelight::stages
