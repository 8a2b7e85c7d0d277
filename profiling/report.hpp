// `limelight trace report`: one HTML page out of the traces of all ranks, which needs nothing else:
// no network, no server.
//
// It has a timeline by rank, the requests as bars, time by operation and stage, hand-off by
// channel, and how the ranks of a stage differ. The files are read twice, event by event; what is
// kept grows with names, requests and chunks on their way, not with events.
#pragma once

#include <filesystem>
#include <vector>

#include "profiling/result.hpp"

namespace limelight::profiling {

// Errors: as TraceLines; invalid_argument (no file, or different bases); io.
Result<void> write_report(const std::filesystem::path& out,
                          const std::vector<std::filesystem::path>& files);

}  // namespace limelight::profiling
