// `limelight trace merge`: one timeline out of the traces of all ranks.
//
// Every event stays as it is, but for the pids of GPUs and the ids of arrows, which are numbered
// per rank. Added are: an arrow for each chunk from its publish to its take, with bytes and dwell,
// and a track for each request and stage with what it waited for and when it was worked on. Inputs
// are read side by side, event by event, so memory does not grow with their size.
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
      0;  // whose other end is in none of the files: that rank was not profiled then
  std::uint64_t requests = 0;
};

// out: gzip, complete when it has its name. Errors: as TraceLines; invalid_argument (two files of
// one rank, or with different bases); io.
Result<Merged> merge(const std::vector<std::filesystem::path>& files,
                     const std::filesystem::path& out);

}  // namespace limelight::profiling
