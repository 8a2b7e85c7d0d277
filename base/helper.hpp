// Where the programs and files are that belong to this library: in the built tree as in an
// installation, wherever that was moved to.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>

namespace limelight {

// An executable of this project: beside the running one, in its ../libexec/limelight, in that of a
// `limelight` in $PATH, or where it was to be installed. Errors: not_found, with what was tried.
Result<std::filesystem::path> find_helper(const std::string& name);

// A file below share/limelight: beside the running executable, or beside its folder's parent
// (bin/), or that one's (libexec/limelight/). Errors: not_found, with what was tried.
Result<std::filesystem::path> find_shared(const std::filesystem::path& name);

}  // namespace limelight
