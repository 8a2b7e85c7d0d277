// Reads a trace back, event by event, in bounded memory: gzipped or plain Chrome trace JSON of any
// size.
#pragma once

#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace limelight::profiling {

struct TraceHead {
  nlohmann::json keys;  // every top-level key but traceEvents
  std::string text;     // the first 64 KiB as they stand in the file
};

// Calls on_event(event, line) for each element of traceEvents; line is where the event ends in the
// file, from 1. Errors: not_found, corrupt (with file, line and what the JSON parser found).
Result<TraceHead> read_trace(
    const std::filesystem::path& file,
    const std::function<void(const nlohmann::json&, std::size_t)>& on_event);

}  // namespace limelight::profiling
