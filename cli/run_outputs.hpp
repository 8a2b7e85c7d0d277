// The results of `limelight run`: as JSON, and as files in the output folder.
#pragma once

#include <filesystem>
#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <nlohmann/json.hpp>
#include <vector>

namespace limelight::cli {

// A request with its text and its statistics. Its sound is only counted: {"audio_samples": ...}.
// The key "error" is there only if the request failed.
nlohmann::json to_json(const RequestOutput& output);

// A trace: where it is and what is in it. The key "error" is there only if the rank has no trace.
nlohmann::json to_json(const RankTrace& trace);

// JSON as text. Bytes that are not valid UTF-8, which a model can produce, become U+FFFD. indent:
// -1 writes everything on one line.
std::string text_of(const nlohmann::json& json, int indent);

// Makes the folder and writes outputs.jsonl and, for each request, <request>.txt and, if it has
// sound, <request>.wav. Errors: io.
Result<void> write_outputs(const std::filesystem::path& folder,
                           const std::vector<RequestOutput>& outputs);

}  // namespace limelight::cli
