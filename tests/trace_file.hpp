// Reads the text of a trace file, for tests that examine it.
#pragma once

#include <zlib.h>

#include <filesystem>
#include <string>

namespace limelight::tests {

inline std::string read_gzip(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  std::string text;
  char buffer[65536];
  for (int n; (n = gzread(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  gzclose(file);
  return text;
}

}  // namespace limelight::tests
