// A conversation as JSON: [{"role": "user", "content": "Hello"}, ...], the content a text or a list
// of parts (request_parts.hpp). An assistant's may have tool_calls (tool_calls_json.hpp), in place
// of a content too; one of the role tool, what a tool answered, has tool_call_id and name as well.
#pragma once

#include <limelight/request.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "actors/formats/request_parts.hpp"

namespace limelight::formats {

// key: of the list, for messages. Throws a Refusal.
std::vector<Message> read_messages(const nlohmann::json& value,
                                   const std::string& key,
                                   const PartRules& rules);

}  // namespace limelight::formats
