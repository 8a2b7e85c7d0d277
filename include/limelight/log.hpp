// Messages of the library that are no results of a call: a rank that failed, a trace that was
// salvaged.
//
// The library prints nothing itself. A program that wants the messages sets a sink; the `limelight`
// command sets one that writes to standard error. Without a sink they are lost.
#pragma once

#include <functional>
#include <string_view>

namespace limelight {

enum class LogLevel { info, warning, error };

// Called with one message, without a newline. Any thread of the library may call it, but only one
// at a time. It must not call the library.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

// Replaces the sink of this process; an empty sink discards all messages. May be called from any
// thread. After it returns, the previous sink is not running and is never called again.
void set_log_sink(LogSink sink);

}  // namespace limelight
