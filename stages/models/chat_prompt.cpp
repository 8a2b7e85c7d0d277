#include "stages/models/chat_prompt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "stages/models/characters.hpp"
#include "stages/models/jinja/template.hpp"

namespace limelight::stages {

using nlohmann::ordered_json;

namespace {

constexpr int deepest_fields = 64;

// Calls visit(text) with each text inside the value, keys included; it returns another one.
template <class Visit>
ordered_json with_texts(const ordered_json& value, const Visit& visit) {
  if (value.is_string()) return visit(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value;
  ordered_json out = value.is_array() ? ordered_json::array() : ordered_json::object();
  for (const auto& [key, item] : value.items())
    if (value.is_array()) out.push_back(with_texts(item, visit));
    else out[visit(key)] = with_texts(item, visit);
  return out;
}

// \ufdd0, as the filter `tojson` may write U+FDD0.
std::string escape_of(const std::string& mark) {
  constexpr const char* digits = "0123456789abcdef";
  const auto last = static_cast<unsigned char>(mark.back());
  const unsigned code = 0xfdc0U + (last - 0x80U);
  return std::string("\\ufd") + digits[code >> 4 & 15U] + digits[code & 15U];
}

// Reasoning has three names. Where a message has it under one of them, a template finds it under
// those two that templates ask for.
ordered_json with_reasoning(ordered_json message) {
  for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
    if (!message.contains(name)) continue;
    ordered_json reasoning = message[name], with{{"thinking", reasoning}};
    for (auto& [key, value] : message.items()) with[key] = std::move(value);
    with["reasoning_content"] = std::move(reasoning);
    return with;
  }
  return message;
}

// The message as the template sees it, its texts unmarked, by the rules of transformers'
// apply_chat_template(): what is null is not there.
Result<ordered_json> variable_of(const Message& message, std::size_t place) {
  ordered_json one{{"role", message.role}};
  const bool has_media =
      std::any_of(message.parts.begin(), message.parts.end(),
                  [](const ContentPart& part) { return part.kind != ContentPart::Kind::text; });
  if (!has_media) {
    std::string content = message.content;
    for (const ContentPart& part : message.parts) content += part.text;
    if (message.has_content) one["content"] = std::move(content);
  } else {
    auto& content = one["content"] = ordered_json::array();
    for (const ContentPart& part : message.parts) {
      // Templates ask for the type or for the key, and put a placeholder there.
      const char* type = part.kind == ContentPart::Kind::audio   ? "audio"
                         : part.kind == ContentPart::Kind::image ? "image"
                                                                 : "text";
      content.push_back({{"type", type}, {type, part.text}});
    }
  }
  if (message.fields.empty()) return one;
  bool too_deep = false;
  const auto fields = ordered_json::parse(
      message.fields,
      [&](int depth, ordered_json::parse_event_t, const ordered_json&) {
        too_deep = too_deep || depth > deepest_fields;
        return !too_deep;
      },
      false);
  if (too_deep || !fields.is_object())
    return Error{ErrorCode::invalid_argument,
                 "messages[" + std::to_string(place) + "].fields: found " +
                     (too_deep ? "JSON of more than " + std::to_string(deepest_fields) + " levels"
                               : std::string("no JSON object")) +
                     ", expected an object such as {\"tool_call_id\": \"1\"}"};
  for (const auto& [key, value] : fields.items())
    if (key == "role" || key == "content")
      return Error{ErrorCode::invalid_argument, "messages[" + std::to_string(place) +
                                                    "].fields: found the key " + key +
                                                    ", expected it beside them"};
    else if (!value.is_null()) one[key] = value;
  return with_reasoning(std::move(one));
}

// A character that Unicode keeps out of texts, from U+FDD0 to U+FDEF, and that none of these has,
// as it is or escaped. Empty: each is in one.
std::string unused_mark(const ordered_json& messages, const std::string& another = {}) {
  for (int last = 0x90; last <= 0xaf; ++last) {
    std::string mark{'\xef', '\xb7', static_cast<char>(last)};
    bool found = mark == another;
    with_texts(messages, [&](const std::string& text) {
      found = found || text.find(mark) != std::string::npos ||
              text.find(escape_of(mark)) != std::string::npos;
      return text;
    });
    if (!found) return mark;
  }
  return "";
}

bool has_calls(const ordered_json& message) {
  const auto calls = message.find("tool_calls");
  return calls != message.end() && calls->is_array();
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

Result<std::string> ChatPrompt::apply(const ordered_json& messages, const std::string& mark) const {
  ordered_json variables;
  for (const auto& [name, token] : names_) variables[name] = token;
  variables["add_generation_prompt"] = true;
  variables["tools"] = variables["documents"] = nullptr;
  variables["messages"] = messages;
  auto text = template_->render(variables);
  if (!text) return Error{text.error().code, "the model's chat template: " + text.error().message};
  return replaced(*text, escape_of(mark), mark);
}

// Each tool's answer, and the name in each call, gets a number between two probes, which the
// template must show.
Result<void> ChatPrompt::check_tools(ordered_json messages,
                                     const std::string& mark,
                                     const std::string& probe) const {
  std::vector<std::pair<std::string, std::string>> wanted;  // what is looked for, where it was
  const auto add = [&](ordered_json& text, const std::string& where) {
    std::string number = std::to_string(wanted.size());
    number.insert(0, probe).append(probe);
    text = number + text.get<std::string>();
    wanted.emplace_back(std::move(number), where);
  };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ordered_json& message = messages[i];
    const std::string where = "messages[" + std::to_string(i) + "]";
    if (message["role"] == "tool" && message.contains("content") && message["content"].is_string())
      add(message["content"], where + ": found the role tool");
    if (!has_calls(message)) continue;
    for (ordered_json& call : message["tool_calls"])
      if (call.is_object() && call.contains("function") && call["function"].is_object() &&
          call["function"].contains("name") && call["function"]["name"].is_string())
        add(call["function"]["name"], where + ": found tool_calls");
  }
  if (wanted.empty()) return {};
  auto text = apply(messages, mark);
  if (!text) return {};  // a template that asks what is inside, and does not like the probe
  *text = replaced(*text, escape_of(probe), probe);
  for (const auto& [number, where] : wanted)
    if (text->find(number) == std::string::npos)
      return Error{ErrorCode::unavailable,
                   where +
                       ", which the model's chat template leaves out; expected a template that "
                       "shows it"};
  return {};
}

Result<ChatPrompt::Rendered> ChatPrompt::render(std::span<const Message> messages) const {
  if (source_.empty())
    return Error{ErrorCode::invalid_argument,
                 "messages: found a model without a chat template, expected one; a prompt or "
                 "prompt_token_ids need none"};
  if (!template_) return Error{error_.code, "the model's chat template: " + error_.message};
  ordered_json list = ordered_json::array();
  bool tools = false;
  for (const Message& message : messages) {
    auto one = variable_of(message, list.size());
    if (!one) return one.error();
    tools = tools || message.role == "tool" || has_calls(*one);
    list.push_back(std::move(one).value());
  }
  const std::string mark = unused_mark(list), probe = unused_mark(list, mark);
  if (mark.empty() || (tools && probe.empty()))
    return Error{ErrorCode::invalid_argument,
                 "messages: found all characters from U+FDD0 to U+FDEF, expected two that are in "
                 "no text"};
  const ordered_json marked = with_texts(list, [&](std::string text) {
    for (const std::string& token : special_) {
      std::string with_mark = token;
      text = replaced(text, token, with_mark.insert(character_length(token), mark));
    }
    return text;
  });
  auto text = apply(marked, mark);
  if (!text) return text.error();
  if (tools) LIMELIGHT_TRY(check_tools(marked, mark, probe));
  return Rendered{std::move(text).value(), mark};
}

}  // namespace limelight::stages
