#include "stages/models/chat_prompt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "stages/models/characters.hpp"
#include "stages/models/jinja/template.hpp"

namespace limelight::stages {

namespace {

// One of the characters that Unicode keeps out of texts, which is in none of these messages.
std::string unused_mark(std::span<const Message> messages) {
  for (int last = 0x90; last <= 0xaf; ++last) {
    const std::string mark{'\xef', '\xb7', static_cast<char>(last)};  // U+FDD0 to U+FDEF
    if (std::none_of(messages.begin(), messages.end(), [&](const Message& message) {
          const auto has = [&](const std::string& text) {
            return text.find(mark) != std::string::npos;
          };
          return has(message.content) ||
                 std::any_of(message.parts.begin(), message.parts.end(),
                             [&](const ContentPart& part) { return has(part.text); });
        }))
      return mark;
  }
  return "";
}

}  // namespace

ChatPrompt::ChatPrompt(const TokenizerSpec& spec)
    : source_(spec.chat_template), names_(spec.names) {
  for (const AddedToken& token : spec.added)
    if (token.special && !token.content.empty()) special_.push_back(token.content);
  if (source_.empty()) return;
  auto parsed = ChatTemplate::parse(source_);
  if (parsed) template_ = std::make_shared<const ChatTemplate>(std::move(parsed).value());
  else error_ = parsed.error();
}

Result<ChatPrompt::Rendered> ChatPrompt::render(std::span<const Message> messages) const {
  if (source_.empty())
    return Error{ErrorCode::invalid_argument,
                 "messages: found a model without a chat template, expected one; a prompt or "
                 "prompt_token_ids need none"};
  const std::string before = "the model's chat template: ";
  if (!template_) return Error{error_.code, before + error_.message};
  const std::string mark = unused_mark(messages);
  if (mark.empty())
    return Error{ErrorCode::invalid_argument,
                 "messages: found all characters from U+FDD0 to U+FDEF, expected one that is in "
                 "no text"};
  nlohmann::ordered_json variables;
  for (const auto& [name, token] : names_) variables[name] = token;
  variables["add_generation_prompt"] = true;
  auto& list = variables["messages"] = nlohmann::ordered_json::array();
  const auto marked = [&](std::string text) {
    for (const std::string& token : special_) {
      std::string with_mark = token;
      text = replaced(text, token, with_mark.insert(character_length(token), mark));
    }
    return text;
  };
  for (const Message& message : messages) {
    auto& one = list.emplace_back(nlohmann::ordered_json{{"role", message.role}});
    const bool has_media =
        std::any_of(message.parts.begin(), message.parts.end(),
                    [](const ContentPart& part) { return part.kind != ContentPart::Kind::text; });
    if (!has_media) {
      std::string content = message.content;
      for (const ContentPart& part : message.parts) content += part.text;
      one["content"] = marked(std::move(content));
      continue;
    }
    auto& content = one["content"] = nlohmann::ordered_json::array();
    for (const ContentPart& part : message.parts) {
      // Templates ask for the type or for the key, and put a placeholder there.
      const char* type = part.kind == ContentPart::Kind::audio   ? "audio"
                         : part.kind == ContentPart::Kind::image ? "image"
                                                                 : "text";
      content.push_back({{"type", type}, {type, marked(part.text)}});
    }
  }
  auto text = template_->render(variables);
  if (!text) return Error{text.error().code, before + text.error().message};
  return Rendered{std::move(text).value(), mark};
}

}  // namespace limelight::stages
