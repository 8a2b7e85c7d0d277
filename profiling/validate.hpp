// Checks that a trace is what Perfetto, HolisticTraceAnalysis and chrome://tracing read without
// loss.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace limelight::profiling {

// Each finding says where ("file:line: ...") and what was expected. Empty: the file is good. At
// most 20 for a file.
//
// Several files are also checked together. Their bases must agree, and no two of one session may be
// of one rank; files of one rank from different sessions, such as a profile and what the flight
// recorder kept of a crash, are no error, nor is a merged file beside those that it was made of.
// The session is what the file says of itself (TraceInformation::session), so that renaming does
// not matter; of files without that key it is the part of the name before the rank, and of those
// whose name does not show it either, one unknown session.
std::vector<std::string> validate(const std::vector<std::filesystem::path>& files);

}  // namespace limelight::profiling
