// Reads any Chrome trace event by event: .json, .json.gz or .json.zst of any size, in bounded
// memory. The traces of Limelight are read faster by trace_line_reader.hpp.
#pragma once

#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace limelight::profiling {

struct TraceHead {
  nlohmann::json keys;  // all top-level keys except traceEvents
  std::string text;     // the first 64 KiB of the text
};

// Calls on_event(event, line) for each element of traceEvents, on the calling thread. line: the
// line in which the event ends, from 1. Errors: not_found, corrupt (with file, line, and what the
// JSON parser found).
Result<TraceHead> read_chrome_trace(
    const std::filesystem::path& file,
    const std::function<void(const nlohmann::json&, std::size_t)>& on_event);

}  // namespace limelight::profiling
