#include "actors/formats/message_json.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "actors/formats/ordered_json.hpp"
#include "actors/formats/refusal.hpp"
#include "actors/formats/tool_calls_json.hpp"

namespace limelight::formats {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* roles = "system, user, assistant or tool";
// Texts that templates may read beside the content.
constexpr const char* field_names[] = {"name", "reasoning", "reasoning_content", "thinking",
                                       "tool_call_id"};

std::string read_role(const json& value, const std::string& key) {
  std::string role = text(value, key);
  if (role == "developer") return "system";  // OpenAI's newer name of the same
  if (role != "system" && role != "user" && role != "assistant" && role != "tool")
    refuse(key, "'" + role.substr(0, 60) + "'", roles);
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

// What templates read beside role and content. calls: of tools, in the order of the text.
void add_fields(const json& item,
                std::optional<ordered_json> calls,
                const std::string& where,
                const PartRules& rules,
                Message& message) {
  ordered_json fields = ordered_json::object();
  for (const char* name : field_names)
    if (const auto at = item.find(name); at != item.end() && !at->is_null())
      fields[name] = text(*at, where + "." + name);
  if (calls && !calls->is_null() && !calls->empty()) {
    const std::string key = where + ".tool_calls";
    if (message.role != "assistant")
      refuse(key, "them in a message of the role " + message.role, "them in an assistant's");
    read_tool_calls(*calls, key, rules.arguments_in_text);
    fields["tool_calls"] = std::move(*calls);
  }
  if (!fields.empty()) message.fields = fields.dump();
}

Handlers keys_read_later() {
  const auto later = [](const json&, const std::string&) {};
  Handlers fields{{"tool_calls", later}};
  for (const char* name : field_names) fields[name] = later;
  return fields;
}

Message read_message(const json& item,
                     std::optional<ordered_json> calls,
                     const std::string& where,
                     const PartRules& rules) {
  if (!item.is_object()) refuse(where, show(item), "an object with the keys role and content");
  std::optional<std::string> role, content;
  std::vector<ContentPart> parts;
  const Handlers known{
      {"role", [&](const json& v, const std::string& k) { role = read_role(v, k); }},
      {"content", [&](const json& v, const std::string& k) {
         if (v.is_array()) parts = read_parts(v, k, rules), content.emplace();
         else content = text(v, k, "a text or a list of parts");
       }}};
  static const Handlers fields = keys_read_later();
  // It changes what a conversation says, so it is no key to pass over.
  static const Handlers refused{{"function_call", [](const json& value, const std::string& key) {
                                   if (!value.empty()) refuse(key, show(value), "tool_calls");
                                 }}};
  if (rules.unknown == UnknownKeys::ignored)
    read_object(item, where + ".", {&known, &fields, &refused}, rules.unknown);
  else read_object(item, where + ".", {&known, &fields});
  const bool calls_alone = role == "assistant" && calls && !calls->empty();
  if (!role || (!content && !calls_alone))
    refuse(where, std::string("no ") + (role ? "content" : "role"), "role and content");
  if (!parts.empty() && *role != "user") {
    *content = text_of(parts, *role, where + ".content");
    parts.clear();
  }
  Message message{.role = std::move(*role),
                  .content = content.value_or(""),
                  .parts = std::move(parts),
                  .has_content = content.has_value()};
  add_fields(item, std::move(calls), where, rules, message);
  return message;
}

// Those of each message.
std::vector<std::optional<ordered_json>> calls_of(const json& list,
                                                  const std::string& key,
                                                  const PartRules& rules) {
  std::vector<std::optional<ordered_json>> calls(list.size());
  bool some = false;
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i].is_object() && list[i].contains("tool_calls")) {
      some = true;
      if (rules.source.empty()) calls[i] = ordered_json(list[i]["tool_calls"]);
    }
  if (some && !rules.source.empty()) calls = read_ordered_members(rules.source, key, "tool_calls");
  calls.resize(list.size());
  return calls;
}

}  // namespace

std::vector<Message> read_messages(const json& value,
                                   const std::string& key,
                                   const PartRules& rules) {
  if (!value.is_array() || value.empty()) refuse(key, show(value), "a list of messages");
  auto calls = calls_of(value, key, rules);
  std::vector<Message> all;
  for (const json& item : value) {
    const std::size_t i = all.size();
    all.push_back(
        read_message(item, std::move(calls[i]), key + "[" + std::to_string(i) + "]", rules));
  }
  return all;
}

}  // namespace limelight::formats
