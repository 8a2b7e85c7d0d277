// Whether a tool may write its result to a path, and how it gets there.
//
// An existing file is replaced only if the same tool made it, or if the user says so (force). What
// is never replaced: an input, a link, and anything that is no plain file. The result appears under
// its name when it is complete: it is written beside it and renamed.
#pragma once

#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <string_view>
#include <vector>

namespace limelight::profiling {

// made_here: whether the tool made the file that is there. Errors: invalid_argument (says why not).
Result<void> may_write(const std::filesystem::path& out,
                       const std::vector<std::filesystem::path>& inputs,
                       bool force,
                       const std::function<bool(const std::filesystem::path&)>& made_here);

// Writes a whole file. Errors: io; nothing is left then.
Result<void> write_whole(const std::filesystem::path& out, std::string_view text);

}  // namespace limelight::profiling
