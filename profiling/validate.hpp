// Checks that a trace is what Perfetto, HolisticTraceAnalysis and chrome://tracing read without loss.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace limelight::profiling {

// Each finding says where ("file:line: ...") and what was expected. Empty: the file is good. At most 20 for a file.
// Several files are also checked together: their ranks must differ, and their bases must agree.
std::vector<std::string> validate(const std::vector<std::filesystem::path>& files);

// The table of `limelight trace summary`: per name self time, total and calls, over all files. Errors are returned as text in `problem`.
std::string summary_table(const std::vector<std::filesystem::path>& files, std::string& problem);

}  // namespace limelight::profiling
