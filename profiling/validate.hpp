// Checks that a trace is what Perfetto, HolisticTraceAnalysis and chrome://tracing read without
// loss.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace limelight::profiling {

// Each finding says where ("file:line: ...") and what was expected. Empty: the file is good. At
// most 20 for a file. Several files are also checked together: their ranks must differ, and their
// bases must agree.
std::vector<std::string> validate(const std::vector<std::filesystem::path>& files);

}  // namespace limelight::profiling
