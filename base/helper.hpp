// Finds the programs and data files that belong to Limelight, in the build tree and in an
// installation, also after the installation was moved.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>

namespace limelight {

// Returns the path of a helper program, such as limelight-rank. Looks in these folders in this
// order: that of the running executable; ../libexec/limelight beside it; the same of every
// `limelight` in $PATH; the libexec folder that was set when Limelight was built. Errors: not_found
// (lists these folders).
Result<std::filesystem::path> find_helper(const std::string& name);

// Returns the path of a data file. name: relative to share/limelight. Looks for share/limelight in
// the folder of the running executable, then in the parent of that folder (for a program in bin/),
// then in the parent's parent (libexec/limelight/). Errors: not_found (lists the paths).
Result<std::filesystem::path> find_shared(const std::filesystem::path& name);

}  // namespace limelight
