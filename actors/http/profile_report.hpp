// The page of `limelight trace report` about finished traces of a folder. Any thread may call it;
// it takes as long as reading the traces does.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <string_view>

namespace limelight::http {

// Of the session that the trace of this name belongs to, with the traces of all its ranks. Errors:
// not_found (list_profiles() has no such name), invalid_argument (no trace that is read by it), and
// those of profiling::write_report().
Result<std::string> profile_report(const std::filesystem::path& folder, std::string_view name);

}  // namespace limelight::http
