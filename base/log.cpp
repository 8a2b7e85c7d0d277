#include "base/log.hpp"

#include <cstdio>
#include <mutex>
#include <utility>

namespace limelight {

namespace {
struct Log {
  std::mutex mutex;
  LogSink sink;
};
Log& the_log() {
  static Log* instance = new Log;  // never freed: threads may still log while the process ends
  return *instance;
}
}  // namespace

void set_log_sink(LogSink sink) {
  const std::lock_guard lock(the_log().mutex);
  the_log().sink = std::move(sink);
}

void log(LogLevel level, std::string_view message) {
  const std::lock_guard lock(the_log().mutex);
  if (the_log().sink) the_log().sink(level, message);
}

void log_to_stderr() {
  set_log_sink([](LogLevel, std::string_view message) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  });
}

}  // namespace limelight
