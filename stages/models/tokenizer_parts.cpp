#include "stages/models/tokenizer_parts.hpp"

#include "stages/models/refusal.hpp"

namespace limelight::stages {

using nlohmann::json;

void TokenizerParts::unknown(const std::string& part,
                             const json& found,
                             const std::string& expected) const {
  refuse(path,
         part + ": found " +
             found.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 100) +
             ", expected " + expected,
         ErrorCode::unavailable);
}

std::string TokenizerParts::kind_of(const std::string& part,
                                    const json& object,
                                    std::set<std::string> keys) const {
  if (!object.is_object() || !object.contains("type") || !object["type"].is_string())
    unknown(part, object, "an object with a type");
  keys.insert("type");
  for (const auto& [key, value] : object.items())
    if (!keys.contains(key))
      unknown(part + ", key '" + key.substr(0, 60) + "'", value, "no such key");
  return object["type"];
}

std::string TokenizerParts::text_of(const std::string& part,
                                    const json& object,
                                    const char* key) const {
  if (!object.contains(key) || !object[key].is_string())
    unknown(part, object, std::string("a text '") + key + "'");
  return object[key];
}

bool TokenizerParts::truth(const json& object, const char* key, bool otherwise) const {
  if (!object.contains(key) || object[key].is_null()) return otherwise;
  if (!object[key].is_boolean())
    unknown(std::string("key '") + key + "'", object[key], "true or false");
  return object[key].get<bool>();
}

std::vector<json> TokenizerParts::parts_of(const json& part, const char* list) const {
  if (part.is_null()) return {};
  if (!part.is_object()) unknown(std::string("the ") + list, part, "an object with a type");
  if (part.value("type", json()) != "Sequence") return {part};
  const json inside = part.value(list, json());
  if (!inside.is_array())
    unknown(std::string("the Sequence's key '") + list + "'", inside, "a list");
  std::vector<json> all;
  for (const json& one : inside)
    for (const json& inner : parts_of(one, list)) all.push_back(inner);
  return all;
}

std::string TokenizerParts::pattern_of(const std::string& part,
                                       const json& object,
                                       bool& literal) const {
  const json pattern = object.value("pattern", json());
  literal = pattern.is_object() && pattern.contains("String") && pattern["String"].is_string();
  if (literal) return pattern["String"];
  if (pattern.is_object() && pattern.contains("Regex") && pattern["Regex"].is_string())
    return pattern["Regex"];
  unknown(part, object, "a pattern, as Regex or String");
}

std::string TokenizerParts::prepend_scheme(const json& metaspace) const {
  if (metaspace.contains("prepend_scheme"))
    return text_of("Metaspace", metaspace, "prepend_scheme");
  return truth(metaspace, "add_prefix_space", true) ? "always" : "never";
}

}  // namespace limelight::stages
