// Sends messages of the library to the log sink that the user set (<limelight/log.hpp>). Any thread
// may call these functions.
#pragma once

#include <limelight/log.hpp>

namespace limelight {

void log(LogLevel level, std::string_view message);

// Sets a sink that writes each message as a line to standard error. The programs of this project
// use it.
void log_to_stderr();

}  // namespace limelight
