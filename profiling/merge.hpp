// `limelight trace merge`: combines the traces of all ranks in one timeline.
//
// Events are copied unchanged, except for the pids of GPUs and the ids of arrows, which are made
// unique per rank. The merge adds:
//   - for each chunk an arrow from its publish to its take, with its bytes and its dwell (the time
//     between the two);
//   - for each request and stage a track that shows what the request waited for and when the stage
//     worked on it.
// The inputs are read side by side, event by event, so memory does not grow with their size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "profiling/result.hpp"

namespace limelight::profiling {

struct Merged {
  std::uint64_t events = 0, arrows = 0;
  std::uint64_t unmatched_chunks =
      0;  // chunks with one end in the files only: the other rank was not profiled at that time
  std::uint64_t requests = 0;
};

// Writes `out` with gzip; it appears under its name when it is complete. Errors: those of
// TraceLines; invalid_argument (two files of one rank, or files with different bases); io.
Result<Merged> merge(const std::vector<std::filesystem::path>& files,
                     const std::filesystem::path& out);

}  // namespace limelight::profiling
