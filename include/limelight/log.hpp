// What the library has to say beside its results: a rank that failed, a trace that was salvaged.
//
// The library prints nothing itself. A program that wants to know sets a sink; the `limelight`
// command sets one that writes to standard error. Without a sink, what is said is lost.
#pragma once

#include <functional>
#include <string_view>

namespace limelight {

enum class LogLevel { info, warning, error };

// Called with one message, without a newline, from any thread of the library, one at a time. It
// must not call the library.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

// Replaces the sink of this process; an empty one is silent. Thread-safe: when it returns, the old
// sink is not running and is never called again.
void set_log_sink(LogSink sink);

}  // namespace limelight
