// Values of JSON with their keys in the order of the text, which nlohmann::json loses. A chat
// template shows the arguments of a tool's call in that order, and so do those who wrote it.
//
// Only what is asked for is kept, so that a stranger's request is read in linear time. Any thread
// may call these functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::formats {

// The whole text as one value. key: for messages. Throws a Refusal: no JSON, a key twice in an
// object, more than 4,096 values, more than 32 levels, or a whole number that 64 bits cannot hold.
nlohmann::ordered_json read_ordered(std::string_view text, const std::string& key);

// `member` of each object in the list `list`, which is a member of the object `text`; none where an
// object has none. text: JSON that a reader has accepted. Throws a Refusal, as above, whose key is
// such as messages[1].tool_calls.
std::vector<std::optional<nlohmann::ordered_json>> read_ordered_members(std::string_view text,
                                                                        const std::string& list,
                                                                        const std::string& member);

}  // namespace limelight::formats
