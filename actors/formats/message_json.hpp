// A conversation as JSON: [{"role": "user", "content": "Hello"}, ...], the content a text or a list
// of parts (request_parts.hpp).
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
