// All that the reader of traces gives of a file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "profiling/analysis/trace_reader.hpp"

namespace limelight::tests {

struct TraceReading {
  std::vector<std::string> lines;
  std::string odd, error;
  std::string all() const {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }
};
inline TraceReading read_trace(const std::filesystem::path& file) {
  TraceReading made;
  auto reader = profiling::TraceReader::open(file);
  if (!reader) {
    made.error = reader.error().message;
    return made;
  }
  for (;;) {
    const auto event = reader->next();
    if (!event) made.error = event.error().message;
    if (!event || !*event) break;
    made.lines.emplace_back((*event)->text);
  }
  made.odd = reader->odd().text();
  return made;
}

}  // namespace limelight::tests
