#include "actors/formats/tool_calls_json.hpp"

#include <nlohmann/json.hpp>

#include "actors/formats/json_values.hpp"
#include "actors/formats/ordered_json.hpp"
#include "actors/formats/refusal.hpp"

namespace limelight::formats {

using nlohmann::ordered_json;

namespace {

std::string show_ordered(const ordered_json& value) {
  return value.is_object() ? "an object" : value.is_array() ? "a list" : show(value);
}

void need_text(const ordered_json& in, const char* name, const std::string& where) {
  if (!in.contains(name)) refuse(where, std::string("no ").append(name), "a text of that name");
  if (!in[name].is_string()) refuse(where + "." + name, show_ordered(in[name]), "a text");
}

void read_arguments(ordered_json& arguments, const std::string& where, bool in_text) {
  if (!in_text) {
    if (!arguments.is_object() && !arguments.is_string())
      refuse(where, show_ordered(arguments), "an object");
    return;
  }
  if (arguments.is_null()) arguments = ordered_json::object();
  if (arguments.is_string()) {
    const auto text = arguments.get<std::string>();
    arguments = text.empty() ? ordered_json::object() : read_ordered(text, where);
  }
  if (!arguments.is_object()) refuse(where, show_ordered(arguments), "a text of a JSON object");
}

}  // namespace

void read_tool_calls(ordered_json& calls, const std::string& key, bool in_text) {
  if (!calls.is_array() || calls.empty())
    refuse(key, calls.is_array() ? "an empty list" : show_ordered(calls), "a list of calls");
  for (std::size_t i = 0; i < calls.size(); ++i) {
    ordered_json& call = calls[i];
    const std::string where = key + "[" + std::to_string(i) + "]";
    if (!call.is_object()) refuse(where, show_ordered(call), "an object with the key function");
    if (call.contains("type") && call["type"] != "function")
      refuse(where + ".type", show_ordered(call["type"]), "\"function\"");
    if (!call.contains("function")) refuse(where, "no function", "an object with the key function");
    ordered_json& function = call["function"];
    const std::string inside = where + ".function";
    if (!function.is_object())
      refuse(inside, show_ordered(function), "an object with the keys name and arguments");
    need_text(function, "name", inside);
    if (!function.contains("arguments") && !in_text)
      refuse(inside, "no arguments", "an object of that name");
    read_arguments(function["arguments"], inside + ".arguments", in_text);
  }
}

}  // namespace limelight::formats
