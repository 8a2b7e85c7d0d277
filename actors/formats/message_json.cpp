#include "actors/formats/message_json.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "actors/formats/refusal.hpp"

namespace limelight::formats {

using nlohmann::json;

namespace {

std::string read_role(const json& value, const std::string& key) {
  std::string role = text(value, key);
  if (role == "developer") return "system";  // OpenAI's newer name of the same
  if (role != "system" && role != "user" && role != "assistant")
    refuse(key, "'" + role.substr(0, 60) + "'", "system, user or assistant");
  return role;
}

// Messages of the other roles are texts.
std::string text_of(const std::vector<ContentPart>& parts,
                    const std::string& role,
                    const std::string& key) {
  std::string all;
  for (const ContentPart& part : parts) {
    if (part.kind != ContentPart::Kind::text)
      refuse(key, "a sound or a picture in a message of the role " + role,
             "texts alone: users' messages bring the others");
    all += part.text;
  }
  return all;
}

Message read_message(const json& item, const std::string& where, const PartRules& rules) {
  if (!item.is_object()) refuse(where, show(item), "an object with the keys role and content");
  std::optional<std::string> role, content;
  std::vector<ContentPart> parts;
  const auto no_tools = [](const json& value, const std::string& key) {
    if (!value.empty()) refuse(key, show(value), "none: tools are not called here");
  };
  const Handlers known{
      {"role", [&](const json& v, const std::string& k) { role = read_role(v, k); }},
      {"content", [&](const json& v, const std::string& k) {
         if (v.is_array()) parts = read_parts(v, k, rules), content.emplace();
         else content = text(v, k, "a text or a list of parts");
       }}};
  // They change what a conversation says, so they are no keys to pass over.
  const Handlers refused{{"tool_calls", no_tools}, {"function_call", no_tools}};
  if (rules.unknown == UnknownKeys::ignored)
    read_object(item, where + ".", {&known, &refused}, rules.unknown);
  else read_object(item, where + ".", {&known});
  if (!role || !content)
    refuse(where, std::string("no ") + (role ? "content" : "role"), "role and content");
  if (!parts.empty() && *role != "user") {
    *content = text_of(parts, *role, where + ".content");
    parts.clear();
  }
  return {std::move(*role), std::move(*content), std::move(parts)};
}

}  // namespace

std::vector<Message> read_messages(const json& value,
                                   const std::string& key,
                                   const PartRules& rules) {
  if (!value.is_array() || value.empty()) refuse(key, show(value), "a list of messages");
  std::vector<Message> all;
  for (const json& item : value)
    all.push_back(read_message(item, key + "[" + std::to_string(all.size()) + "]", rules));
  return all;
}

}  // namespace limelight::formats
