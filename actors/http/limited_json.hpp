// JSON from strangers. Any thread may call this function.
#pragma once

#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace limelight::http {

// A text of a few megabytes could describe values that need gigabytes: they are counted while they
// are read. An empty text is an empty object. Errors: invalid_argument (it is no JSON object, or
// has too many values, or they are too deep).
Result<nlohmann::json> read_json_object(std::string_view text);

}  // namespace limelight::http
