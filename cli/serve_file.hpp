// Serves one file to the Perfetto UI, which runs in a browser and fetches it from this machine.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>

namespace limelight::cli {

// Serves the file on 127.0.0.1, readable only by the page of the UI, also in ranges. Returns when
// all of it was fetched, or after Ctrl-C. Errors: not_found, corrupt (it is empty), unavailable
// (the port is taken, also by another of these).
// shown: the name that is said to the user; empty: the file's.
Result<void> serve_to_perfetto(const std::filesystem::path& file,
                               int port,
                               bool open_browser,
                               const std::string& shown = {});

}  // namespace limelight::cli
