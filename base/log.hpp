// How the library's own code speaks to the log sink of <limelight/log.hpp>. Thread-safe.
#pragma once

#include <limelight/log.hpp>

namespace limelight {

void log(LogLevel level, std::string_view message);

// Says everything on standard error, a line each: for the programs of this project.
void log_to_stderr();

}  // namespace limelight
