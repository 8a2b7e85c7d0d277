// How the command writes its log to standard error: as lines of text, or as a JSON object in each
// line.
//
//   {"time": "2026-11-27T12:00:00.123456Z", "level": "error", "message": "...", "request_id":
//   "..."}
#pragma once

#include <cstdint>
#include <limelight/log.hpp>
#include <string>

#include "base/log_fields.hpp"

namespace limelight::cli {

enum class LogFormat : std::uint8_t { text, json };

// From now on, for all threads.
void log_as(LogFormat format);

// One line, without its end. realtime_ns: nanoseconds of CLOCK_REALTIME.
std::string json_line(LogLevel level,
                      std::string_view message,
                      const LogFields::List& fields,
                      std::int64_t realtime_ns);

}  // namespace limelight::cli
