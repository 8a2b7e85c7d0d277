// Hands one file to the Perfetto UI, which runs in a browser and fetches it from this machine.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>

namespace limelight::cli {

// Serves on loopback, to that page alone, until the file was fetched whole or Ctrl-C comes. Errors:
// not_found, unavailable (the port is taken).
Result<void> serve_to_perfetto(const std::filesystem::path& file, int port, bool open_browser);

}  // namespace limelight::cli
