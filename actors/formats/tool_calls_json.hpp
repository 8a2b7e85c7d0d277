// The calls of tools in an assistant's message:
//
//   [{"id": "1", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}]
//
// Templates are written for this form, which is that of transformers. In OpenAI's API `arguments`
// is a text of JSON. Any thread may call these functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace limelight::formats {

// Checks what every template needs, and takes the rest as it is. in_text: arguments that are a text
// become what it says. key: of the list, for messages. Throws a Refusal.
void read_tool_calls(nlohmann::ordered_json& calls, const std::string& key, bool in_text);

}  // namespace limelight::formats
