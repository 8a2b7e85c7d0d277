// Outputs and traces as JSON, with the names of vLLM-Omni's statistics. Any thread may call these
// functions.
#pragma once

#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <nlohmann/json_fwd.hpp>

namespace limelight::formats {

nlohmann::json to_json(const RequestOutput& output);
// The stop string or the token that ended the text; null: none did.
nlohmann::json stop_reason(const AnswerInfo& answer);
nlohmann::json to_json(const RankTrace& trace);

}  // namespace limelight::formats
