// The trace tools: everything that `limelight trace` does with files.
//
// A program that needs only these links limelight::trace, and neither CAF nor iceoryx. Memory does
// not grow with the events of a file, but with names, requests and chunks that are on their way.
// Any thread may call any function. Files are read as they are, .json, .json.gz or .json.zst;
// errors common to all: not_found, io, corrupt (no trace, with the line).
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::profiling {

using TraceFiles = std::vector<std::filesystem::path>;

// Checks that a trace is what Perfetto, HolisticTraceAnalysis and chrome://tracing read without
// loss. Each finding says where ("file:line: ...") and what was expected. Empty: the files are
// good. At most 20 for a file.
//
// Several files are also checked together. Their bases must agree, and no two of one session may be
// of one rank; files of one rank from different sessions, such as a profile and what the flight
// recorder kept of a crash, are no error, nor is a merged file beside those that it was made of.
// The session is what the file says of itself (its key `limelight.session`), so that renaming does
// not matter; of files without that key it is the part of the name before the rank, and of those
// whose name does not show it either, one unknown session.
std::vector<std::string> validate(const TraceFiles& files);

// What each file says of itself, then time by operation over all files, as a table. Reads any
// Chrome trace.
Result<std::string> summary_table(const TraceFiles& files);

// Mean time by operation in `before` and `after`, largest change of the total first.
Result<std::string> diff_table(const TraceFiles& before, const TraceFiles& after);

// Where the time of one request went, rank by rank: queue, transfer, compute, collectives, and its
// slowest operations. Errors: not_found lists the requests that are there.
Result<std::string> describe_request(const TraceFiles& files, const std::string& request);

struct Merged {
  std::uint64_t events = 0, requests = 0;
  std::uint64_t arrows = 0;  // chunks with both ends in the files
  // Chunks with one end only: the other rank was not profiled at that time.
  std::uint64_t unmatched_chunks = 0;
};
// Combines the traces of all ranks in one timeline, written to `out` with gzip; it appears under
// its name when it is complete. Events are copied unchanged, except for the pids of GPUs and the
// ids of arrows, which are made unique per rank. The merge adds:
//   - for each chunk an arrow from its publish to its take, with its bytes and its dwell (the time
//     between the two);
//   - for each request and stage a track that shows what the request waited for and when the stage
//     worked on it.
// Errors: invalid_argument (two files of one rank, or files with different bases).
Result<Merged> merge(const TraceFiles& files, const std::filesystem::path& out);

// One HTML page out of the traces of all ranks, which needs no network and no server: a timeline by
// rank, the requests as bars, time by operation and stage, hand-off by channel, and how the ranks
// of a stage differ. Errors: invalid_argument (no file, or different bases).
Result<void> write_report(const std::filesystem::path& out, const TraceFiles& files);

struct Recovered {
  std::filesystem::path file;  // the trace under its final name; the .part no longer exists
  std::uint64_t events = 0;
  std::uint64_t bytes_given_up = 0;  // size of the incomplete member, which is cut off
};
// Makes a readable trace of the `.<name>.part` that a killed rank left: keeps its complete members
// unchanged and appends an end that states `"recovered": true`, and null for what only the rank
// knew (drops, costs). Errors: invalid_argument (`part` is no .part file), busy (its rank still
// writes it), corrupt (it has no complete member).
Result<Recovered> recover(const std::filesystem::path& part);

// The .part files in a folder that no process writes any more.
TraceFiles unfinished_traces(const std::filesystem::path& folder);

}  // namespace limelight::profiling
