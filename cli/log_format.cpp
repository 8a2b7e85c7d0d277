#include "cli/log_format.hpp"

#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::cli {

namespace {

std::string time_of(std::int64_t realtime_ns) {
  constexpr std::int64_t second = 1'000'000'000;
  const std::time_t seconds = realtime_ns / second;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + size, text.size() - size, ".%06ldZ",
                static_cast<long>(realtime_ns % second / 1000));
  return text.data();
}

const char* word_of(LogLevel level) {
  return level == LogLevel::error ? "error" : level == LogLevel::warning ? "warning" : "info";
}

}  // namespace

std::string json_line(LogLevel level,
                      std::string_view message,
                      const LogFields::List& fields,
                      std::int64_t realtime_ns) {
  nlohmann::ordered_json line{
      {"time", time_of(realtime_ns)}, {"level", word_of(level)}, {"message", message}};
  for (const auto& [name, value] : fields)
    std::visit([&, &key = name](const auto& it) { line[key] = it; }, value);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void log_as(LogFormat format) {
  if (format == LogFormat::text) return log_to_stderr();
  set_log_sink([](LogLevel level, std::string_view message) {
    const std::string line =
        json_line(level, message, LogFields::current(), profiling::realtime_ns());
    std::fprintf(stderr, "%s\n", line.c_str());
  });
}

}  // namespace limelight::cli
