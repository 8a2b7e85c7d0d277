// The trace tools: the functions behind `limelight trace`.
//
// A program that needs only these links limelight::trace, and neither CAF nor iceoryx. Any thread
// may call any function. Files may be .json, .json.gz or .json.zst and are read as a stream: the
// memory that is used grows with the number of names, requests and unmatched chunks, but not with
// the number of events. Errors of all functions: not_found, io, corrupt (not a trace; names the
// line).
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::profiling {

using TraceFiles = std::vector<std::filesystem::path>;

// Checks that Perfetto, HolisticTraceAnalysis and chrome://tracing can read the traces without
// loss. Returns findings, at most 20 for each file, of the form "file:line: ..." with what was
// expected. No findings: the files are valid.
//
// If there are several files, they are also compared:
//   - All must have the same base time.
//   - Two files of one session must not be of the same rank. Files of one rank from different
//     sessions are allowed, such as a profile and the flight recorder's trace of a crash. So is a
//     merged file next to the files that it was made from.
// The session of a file is its key `limelight.session`, so files may be renamed. Without that key
// it is the part of the file name before the rank. All files without either belong to one unknown
// session.
std::vector<std::string> validate(const TraceFiles& files);

// Returns a table: what each file states about its session, then the time of each operation over
// all files. Reads any Chrome trace.
Result<std::string> summary_table(const TraceFiles& files);

// Returns a table of the mean time of each operation in `before` and in `after`, ordered by the
// change of the total time, largest first.
Result<std::string> diff_table(const TraceFiles& before, const TraceFiles& after);

// Returns a table for each rank: where the time of one request went (queue, transfer, compute,
// collectives), and its slowest operations. Errors: not_found (lists the requests in the files).
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
//   - for each chunk an arrow from its publish to its take, with its bytes and its dwell (from the
//     begin of its publish to the end of its take, when the other rank has it);
//   - for each request and stage a track that shows what the request waited for and when the stage
//     worked on it.
// Errors: invalid_argument (two files of one rank, or files with different bases).
Result<Merged> merge(const TraceFiles& files, const std::filesystem::path& out);

// Writes one HTML page about the traces of all ranks. It needs no network and no server, and shows
// a timeline of each rank, requests as bars, time by operation and stage, hand-off by channel, and
// how the ranks of a stage differ. Errors: invalid_argument (no file, or different bases).
Result<void> write_report(const std::filesystem::path& out, const TraceFiles& files);

struct Recovered {
  std::filesystem::path file;  // the trace under its final name; the .part no longer exists
  std::uint64_t events = 0;
  std::uint64_t bytes_given_up = 0;  // size of the incomplete member, which is cut off
};
// Makes a readable trace of the `.<name>.part` that a killed rank left: keeps its complete members
// unchanged and appends an end that states `"recovered": true`, and null for what only the rank
// knew (drops, costs). One that has its end already is renamed as it is. The result is read to its
// end before it gets its name, and a file of that name is not replaced: the new one has a number in
// its own. Errors: invalid_argument (`part` is no .part file), busy (its rank still writes it),
// corrupt (it has no complete member, or is no trace).
Result<Recovered> recover(const std::filesystem::path& part);

// Returns the .part files of a folder that no process is writing.
TraceFiles unfinished_traces(const std::filesystem::path& folder);

}  // namespace limelight::profiling
