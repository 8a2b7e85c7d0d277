#include <algorithm>
#include <cstdio>
#include <limelight/trace.hpp>
#include <map>
#include <optional>
#include <set>

#include "base/try.hpp"
#include "profiling/analysis/counted.hpp"
#include "profiling/analysis/event_check.hpp"
#include "profiling/analysis/event_splitter.hpp"
#include "profiling/analysis/own_check.hpp"
#include "profiling/analysis/packet_reader.hpp"
#include "profiling/analysis/trace_origin.hpp"
#include "profiling/analysis/trace_reader.hpp"
#include "profiling/analysis/track_check.hpp"

namespace limelight::profiling {

namespace {

using Effect = ReaderFindings::Effect;

constexpr std::size_t most_findings = 20, head_bytes = std::size_t{1} << 16;
// A text of JavaScript cannot be longer, in characters.
constexpr std::uint64_t most_text_of_chrome = 536'870'888;

// The bytes that tell zstd's frames.
bool is_zstd(const std::filesystem::path& file) {
  std::FILE* in = std::fopen(file.c_str(), "rb");
  unsigned char magic[4] = {};
  const bool is = in != nullptr && std::fread(magic, 1, 4, in) == 4 && magic[0] == 0x28 &&
                  magic[1] == 0xb5 && magic[2] == 0x2f && magic[3] == 0xfd;
  if (in != nullptr) std::fclose(in);
  return is;
}

Result<std::string> head_of(const std::filesystem::path& file) {
  auto input = CompressedReader::open(file);
  if (!input) return input.error();
  std::string head(head_bytes, '\0');
  std::size_t filled = 0;
  while (filled < head.size()) {
    const std::size_t n = input->read(head.data() + filled, head.size() - filled);
    if (n == 0) break;
    filled += n;
  }
  head.resize(filled);
  return head;
}

class FileCheck {
 public:
  explicit FileCheck(std::filesystem::path file) : file_(std::move(file)) {}

  // Errors: what the file is in place of a trace.
  Result<void> run() {
    LIMELIGHT_TRY(not_a_file(file_));
    auto input = CompressedReader::open(file_);
    if (!input) return input.error();
    if (is_packets(input->peek(head_bytes))) return run_packets();
    auto events = EventSplitter::open(file_);
    if (!events) return events.error();
    auto head = head_of(file_);
    if (!head) return head.error();
    origin = origin_of(events->keys(), file_);
    // One whose head was rewritten may say it behind its events alone.
    const bool own = origin.limelight || head->find("\"limelight_clock\"") != std::string::npos;
    AnyEventReader reader;
    TrackCheck tracks;
    std::uint64_t bytes = 0;
    for (;;) {
      const auto text = events->next();
      if (!text) return text.error();
      if (!*text) break;
      bytes += (*text)->size() + 2;
      if (const auto event = check_event(**text, events->line(), own, reader, findings))
        LIMELIGHT_TRY(tracks.add(*event, events->line()));
    }
    LIMELIGHT_TRY(tracks.finish(findings));
    whole(*events, bytes);
    slices = tracks.slices();
    origin = origin_of(events->keys(), file_);
    if (own || origin.limelight) check_own(events->keys(), *head, tracks.slices(), file_, findings);
    return {};
  }

  TraceOrigin origin;
  ReaderFindings findings;
  std::uint64_t slices = 0;
  bool packets = false;  // Perfetto's own format, which no other program reads

 private:
  Result<void> run_packets() {
    packets = true;
    auto reader = TraceReader::open(file_);
    if (!reader) return reader.error();
    for (;;) {
      const auto event = reader->next();
      if (!event) return event.error();
      if (!*event) break;
      if ((*event)->phase == 'X') ++slices;
    }
    origin = reader->origin();
    const OddEvents& odd = reader->odd();
    if (odd.unfinished > 0)
      findings.add(perfetto, Effect::loses, 0,
                   "found " + counted(odd.unfinished, "begin or end without the other",
                                      "begins or ends without the other"));
    // What the tools here do not understand is no fault of the file.
    if (odd.packets_damaged) findings.add(perfetto, Effect::loses, 0, odd.packets);
    if (origin.limelight) check_statement(reader->keys(), slices, file_, findings);
    return {};
  }
  void whole(const EventSplitter& events, std::uint64_t bytes) {
    const auto refuse = [&](unsigned programs, const std::string& what) {
      findings.add(programs, Effect::refuses, 0, what);
    };
    if (events.has_mark()) refuse(perfetto | hta, "found a byte-order mark, expected none");
    if (events.is_array())
      refuse(hta, "found an array of events, expected an object with the key traceEvents");
    if (!events.damage().empty()) refuse(all_programs, events.damage());
    if (events.ends_early() && events.damage().empty())
      refuse(events.is_array() ? hta | 0u : unsigned{all_programs},
             "the file ends without a closing bracket");
    if (events.has_more())
      refuse(chrome | hta | speedscope, "found text behind the end of the JSON");
    if (events.strays() > 0) refuse(perfetto, "found events that are no objects");
    if (events.commas() > 0)
      refuse(events.is_array() ? hta | 0u : chrome | hta | speedscope,
             "found a comma without an event before or behind it");
    if (bytes > most_text_of_chrome)
      refuse(chrome | speedscope, "found more than 512 MiB of text, which a browser's text holds");
    const bool zstd = is_zstd(file_);
    if (zstd && file_.extension() != ".zst")
      refuse(chrome | hta | speedscope, "found zstd, expected plain JSON or gzip");
    const std::string name = file_.filename().string();
    if (!zstd && !name.ends_with(".json") && !name.ends_with(".gz"))
      refuse(hta, "the file's name: expected the ending .json or .gz");
  }
  std::filesystem::path file_;
};

// A trace in zstd, and one in which nothing happened, are as they should be, and some programs
// refuse them nevertheless.
TraceReading reading_of(const FileCheck& check, Program program, const char* name, bool zstd) {
  TraceReading reading{.program = name};
  using Outcome = TraceReading::Outcome;
  const bool empty = check.slices == 0 && (program == hta || program == speedscope);
  const bool other_format = program != perfetto && (zstd || check.packets);
  if (empty || other_format) {
    reading.outcome = Outcome::refuses;
    reading.why = check.packets && other_format ? "found Perfetto's own format, expected JSON"
                  : empty                       ? "found no slice, expected events with ph X"
                                                : "found zstd, expected plain JSON or gzip";
    return reading;
  }
  for (const auto& finding : check.findings.all()) {
    if ((finding.programs & program) == 0) continue;
    const Outcome outcome = finding.effect == Effect::refuses ? Outcome::refuses : Outcome::loses;
    if (outcome <= reading.outcome) continue;
    reading.outcome = outcome;
    reading.why =
        (finding.line > 0 ? "line " + std::to_string(finding.line) + ": " : "") + finding.what;
  }
  return reading;
}

struct Examined {
  std::vector<TraceValidity> files;
  std::vector<std::string> comparison;  // findings that concern several files
};

Examined examine_all(const TraceFiles& files) {
  Examined all;
  std::map<std::pair<std::string, std::string>, std::filesystem::path> ranks;  // session, rank
  std::map<std::string, std::set<std::int64_t>> bases;                         // by session
  for (const auto& file : files) {
    TraceValidity validity{.file = file};
    FileCheck check(file);
    if (const auto done = check.run(); !done) {
      validity.findings.push_back(done.error().message);
      all.files.push_back(std::move(validity));
      continue;
    }
    const TraceOrigin& origin = check.origin;
    validity.written_by = origin.program;
    const bool zstd = is_zstd(file);
    for (const auto& [program, name] : program_names)
      if (program != limelight_itself)
        validity.readings.push_back(reading_of(check, program, name, zstd));
    for (const auto& finding : check.findings.all())
      if (validity.findings.size() < most_findings)
        validity.findings.push_back(ReaderFindings::text(finding, file));
    all.files.push_back(std::move(validity));
    if (!origin.limelight && origin.session.empty()) continue;
    if (origin.base_ns) bases[origin.session].insert(*origin.base_ns);
    if (!origin.rank || origin.merged) continue;
    const std::string rank =
        (origin.limelight ? "" : origin.stage + "/") + std::to_string(*origin.rank);
    const auto [at, fresh] = ranks.emplace(std::pair(origin.session, rank), file);
    if (!fresh)
      all.comparison.push_back(
          file.string() + ": has rank " + std::to_string(*origin.rank) + " of " +
          (origin.session.empty() ? "an unknown session" : "session '" + origin.session + "'") +
          ", and so has " + at->second.string() + ": expected one file of each rank in a session");
  }
  for (const auto& [session, its] : bases)
    if (its.size() > 1)
      all.comparison.push_back(
          "the files of " + (session.empty() ? "an unknown session" : "session '" + session + "'") +
          " have different values of baseTimeNanoseconds, expected the same in all");
  return all;
}

}  // namespace

std::vector<TraceValidity> examine(const TraceFiles& files) {
  Examined all = examine_all(files);
  if (!all.files.empty())
    for (std::string& finding : all.comparison)
      all.files.back().findings.push_back(std::move(finding));
  return std::move(all.files);
}

std::vector<std::string> validate(const TraceFiles& files) {
  std::vector<std::string> findings;
  for (const TraceValidity& file : examine(files))
    findings.insert(findings.end(), file.findings.begin(), file.findings.end());
  return findings;
}

}  // namespace limelight::profiling
