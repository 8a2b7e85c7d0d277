// The trace tools: the functions behind `limelight trace`.
//
// A program that needs only these links limelight::trace, and neither CAF nor iceoryx. Any thread
// may call any function. Files are traces in Chrome's format of any program (PyTorch, vLLM, SGLang,
// viztracer, JAX, Perfetto's JSON, Limelight), or in Perfetto's own, plain or compressed by gzip or
// zstd. They are read as a stream: the memory that is used grows with the number of names, requests
// and unmatched chunks, but not with the number of events. Errors of all functions: not_found, io,
// corrupt (not a trace; says what it is).
//
// Of files of several sessions the latest is shown, a file that is given twice counts once, and a
// merged file beside those of its ranks does not count. `Notes` says such things, and what of a
// file could not be used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::profiling {

using TraceFiles = std::vector<std::filesystem::path>;

// Whether other programs read a trace, and what they lose of it.
struct TraceReading {
  std::string program;  // Perfetto, chrome://tracing, HolisticTraceAnalysis or speedscope
  enum class Outcome { accepts, loses, refuses } outcome = Outcome::accepts;
  std::string why{};  // the first finding
};
struct TraceValidity {
  std::filesystem::path file;
  std::string written_by{};              // such as "PyTorch"; empty: unknown
  std::vector<TraceReading> readings{};  // one for each program; none if the file is no trace
  // At most 20, of the form "file:line: ..." with what was expected, and who refuses or loses it.
  std::vector<std::string> findings{};
};
// Of a trace of Limelight the keys in which it states its losses and costs are checked, too.
std::vector<TraceValidity> examine(const TraceFiles& files);

// The findings of all files. No findings: Perfetto, HolisticTraceAnalysis, chrome://tracing and
// speedscope read the traces without loss.
//
// If there are several files, they are also compared:
//   - Those of one session must have the same base time.
//   - Two files of one session must not be of the same rank. Files of one rank from different
//     sessions are allowed, such as a profile and the flight recorder's trace of a crash. So is a
//     merged file next to the files that it was made from.
// The session of a file is its key `limelight.session`, so files may be renamed. Without that key
// it is the part of the file name before the rank. All files without either belong to one unknown
// session; files of other programs are compared only if their names tell their session.
std::vector<std::string> validate(const TraceFiles& files);

using Notes = std::vector<std::string>;  // sentences

enum class TableFormat { text, json, csv };
struct SummaryOptions {
  TableFormat format = TableFormat::text;
  bool by_stage = false, by_shape = false;  // a row for each stage, or for each Input Dims
  std::string session{};                    // show this one; empty: the latest
};
// Returns what each file is, then the time of each operation over all files, by whether a CPU's
// thread, a device or neither spent it. Waiting is no CPU time. In CSV the files are left out, and
// `notes` has what was said of them.
Result<std::string> summary_table(const TraceFiles& files,
                                  const SummaryOptions& options = {},
                                  Notes* notes = nullptr);

struct DiffOptions {
  std::string before_session{}, after_session{};  // show these; empty: the latest of each
};
// Returns a table of the mean time of each operation in `before` and in `after`, ordered by the
// change of the total time, largest first.
Result<std::string> diff_table(const TraceFiles& before,
                               const TraceFiles& after,
                               Notes* notes = nullptr,
                               const DiffOptions& options = {});

// Returns where the time of one request went: a sentence, its critical path by place, and a table
// by rank (queue, transfer, compute, collectives) with the slowest operations. Errors: not_found
// (lists the requests in the files).
Result<std::string> describe_request(const TraceFiles& files,
                                     const std::string& request,
                                     const std::string& session = {},
                                     Notes* notes = nullptr);

// Of what merge writes.
struct OutputOptions {
  // Replace a file that is there and that the same command did not make. An input, a link, and
  // what is no plain file are never replaced.
  bool force = false;
  std::string session{};  // show this one; empty: the latest
};

struct Merged {
  std::uint64_t events = 0, requests = 0, files = 0;
  std::uint64_t arrows = 0;  // chunks with both ends in the files
  // Chunks with one end only: the other rank was not profiled at that time.
  std::uint64_t unmatched_chunks = 0;
  std::uint64_t collectives = 0;  // those of which several ranks' parts are in the files
  Notes notes{};
};
// Combines the traces of all ranks in one timeline, written to `out` with gzip; it appears under
// its name when it is complete. Times are put on one clock. The pids and tids of ranks and the ids
// of arrows are made unique; all else of an event is copied. The merge adds:
//   - for each chunk an arrow from its publish to its take, with its bytes and its dwell (from the
//     begin of its publish to the end of its take, when the other rank has it);
//   - for each collective an arrow from each rank that waited to the one that came last;
//   - for each request and stage a track that shows what the request waited for and when the stage
//     worked on it.
// Errors: invalid_argument (two files of ours of one rank, a merged file, clocks that have nothing
// in common, or an `out` that must not be replaced).
Result<Merged> merge(const TraceFiles& files,
                     const std::filesystem::path& out,
                     const OutputOptions& options = {});

struct ReportOptions {
  bool force = false;     // as in OutputOptions
  std::string session{};  // show this one; empty: the latest
  // A second run, which the page shows beside the first; empty: none.
  TraceFiles beside{};
  std::string beside_session{};
};
// Writes one HTML page about the traces of all ranks. It needs no network and no server, and shows
// a timeline that zooms, the critical path of each request, time by stack, operation and stage,
// counters, hand-off, collectives, and how the ranks of a stage differ. Its size is bounded: of
// more than 1.2 million slices short neighbours are drawn together. Returns what else is to be
// known. Errors: invalid_argument (no file, clocks that have nothing in common, or an `out` that
// must not be replaced).
Result<Notes> write_report(const std::filesystem::path& out,
                           const TraceFiles& files,
                           const ReportOptions& options = {});

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
