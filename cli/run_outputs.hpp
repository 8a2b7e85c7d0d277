// The results of `limelight run`: as JSON, and as files in the output folder.
#pragma once

#include <filesystem>
#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// A request with its text and its statistics. Its sound is only counted: {"audio_samples": ...}.
// The key "error" is there only if the request failed.
nlohmann::json to_json(const RequestOutput& output);

// A trace: where it is and what is in it. The key "error" is there only if the rank has no trace.
nlohmann::json to_json(const RankTrace& trace);

// What --json prints: {"requests": [...], "traces": [...], "wall_ms": ...}. Bytes that are not
// valid UTF-8, which a model can produce, become U+FFFD. wall_ms: the time that all requests took
// together.
std::string results_text(const std::vector<RequestOutput>& outputs,
                         const std::vector<RankTrace>& traces,
                         double wall_ms);

// Makes the folder and writes outputs.jsonl and, for each request, <request>.txt and, if it has
// sound, <request>.wav. Errors: io.
Result<void> write_outputs(const std::filesystem::path& folder,
                           const std::vector<RequestOutput>& outputs);

}  // namespace limelight::cli
