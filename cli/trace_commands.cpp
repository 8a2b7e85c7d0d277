#include "cli/trace_commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <limelight/trace.hpp>

#include "base/scratch.hpp"
#include "cli/refuse.hpp"
#include "cli/serve_file.hpp"

namespace limelight::cli {

namespace {
void say(const char* command, const profiling::Notes& notes) {
  for (const std::string& note : notes)
    std::cerr << "limelight trace " << command << ": " << note << "\n";
}
const char* outcome_of(const profiling::TraceReading& reading) {
  using Outcome = profiling::TraceReading::Outcome;
  switch (reading.outcome) {
    case Outcome::accepts: return "accepts";
    case Outcome::loses: return "loses a part: ";
    case Outcome::refuses: break;
  }
  return "refuses: ";
}
}  // namespace

TraceCommands::TraceCommands(CLI::App& app) {
  CLI::App* trace = app.add_subcommand("trace", "Work on trace files");
  trace->require_subcommand(1);
  validate_ = trace->add_subcommand(
      "validate", "Say for each file which programs read it, and what they refuse or lose");
  validate_
      ->add_option("--reader", readers_,
                   "only these programs decide about the exit code (default: all)")
      ->check(CLI::IsMember({"perfetto", "chrome", "hta", "speedscope"}));
  summary_ = trace->add_subcommand("summary", "Print time by operation over all files");
  auto* request = summary_->add_option("--request", request_,
                                       "show where the time of this request went, for each rank");
  auto* json = summary_->add_flag("--json", json_, "print JSON, times in whole nanoseconds")
                   ->excludes(request);
  summary_->add_flag("--csv", csv_, "print CSV, a row for each operation")
      ->excludes(request)
      ->excludes(json);
  summary_->add_flag("--by-stage", by_stage_, "a row for each stage")->excludes(request);
  summary_->add_flag("--by-shape", by_shape_, "a row for each shape of the inputs")
      ->excludes(request);
  recover_ = trace->add_subcommand(
      "recover", "Make readable traces of the .part files that killed ranks left");
  merge_ = trace->add_subcommand(
      "merge",
      "One timeline of all ranks, with an arrow for each tensor and a track for each request");
  merge_->add_option("-o,--out", out_, "the merged trace (.json.gz)")->required();
  report_ = trace->add_subcommand("report",
                                  "One HTML page: timeline, requests and their critical paths, "
                                  "flame graph, counters, hand-off, "
                                  "collectives, operations");
  report_->add_option("-o,--out", report_out_, "the page")->default_val("report.html");
  report_->add_option("--beside", beside_, "traces of a second run, to show beside the first");
  report_->add_option("--beside-session", beside_session_,
                      "of files of several sessions after --beside, show this one");
  for (CLI::App* one : {merge_, report_}) {
    one->add_flag("--force", force_, "replace a file that another program made");
    one->footer(
        std::string(one == report_
                        ? "Example: limelight trace report new/*.gz --beside old/*.gz -o "
                          "report.html\n\n"
                        : "") +
        "A file that is there is replaced only if this command made it, or with --force. An input, "
        "a link, and what is no plain file are never replaced. The result appears when it is "
        "whole.");
  }
  for (CLI::App* one : {summary_, merge_, report_})
    one->add_option("--session", session_,
                    "of files of several sessions, show this one (default: the latest profile)");
  open_ = trace->add_subcommand(
      "open",
      "Serve a trace to the Perfetto UI in a browser of this machine; ends when it was fetched");
  open_->add_option("--port", port_, "port on 127.0.0.1; the UI accepts only 9001")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  open_->add_flag("!--no-browser", browser_, "print the address, open no browser");
  for (CLI::App* one : {validate_, summary_, recover_, merge_, report_, open_})
    one->add_option("FILES", files_, "trace files")->required();
  diff_ = trace->add_subcommand("diff", "What became slower from A to B, by operation");
  diff_->add_option("--a,-a", before_, "trace files of A")->required();
  diff_->add_option("--b,-b", after_, "trace files of B")->required();
  diff_->add_option("--a-session,--session", session_,
                    "of files of several sessions in A, take this one (default: the latest)");
  diff_->add_option("--b-session,--beside-session", beside_session_, "the same in B");
  diff_->footer("Example: limelight trace diff -a old/*.gz -b new/*.gz");
}

int TraceCommands::validate() const {
  // Without a choice what is wrong with a file decides, not that a program knows no zstd.
  const auto decides = [this](const profiling::TraceReading& reading) {
    const std::string word = reading.program == "chrome://tracing"        ? "chrome"
                             : reading.program == "HolisticTraceAnalysis" ? "hta"
                             : reading.program == "Perfetto"              ? "perfetto"
                                                                          : "speedscope";
    return reading.outcome != profiling::TraceReading::Outcome::accepts &&
           std::find(readers_.begin(), readers_.end(), word) != readers_.end();
  };
  bool valid = true;
  const auto files = profiling::examine(files_);
  for (const profiling::TraceValidity& file : files) {
    if (file.readings.empty() || (readers_.empty() && !file.findings.empty())) valid = false;
    if (!file.readings.empty())
      std::cout << file.file.string() << (file.written_by.empty() ? "" : ", by " + file.written_by)
                << "\n";
    for (const profiling::TraceReading& reading : file.readings) {
      std::cout << "  " << std::left << std::setw(22) << reading.program << " "
                << outcome_of(reading) << reading.why << "\n";
      if (decides(reading)) valid = false;
    }
  }
  std::cout.flush();
  for (const profiling::TraceValidity& file : files)
    for (const std::string& finding : file.findings) std::cerr << finding << "\n";
  if (valid)
    std::cout << files_.size() << (files_.size() == 1 ? " trace is" : " traces are") << " valid\n";
  return valid ? 0 : 1;
}

int TraceCommands::summary() const {
  profiling::Notes notes;
  const bool table = request_.empty();
  using profiling::TableFormat;
  const auto text = table ? profiling::summary_table(files_,
                                                     {.format = json_  ? TableFormat::json
                                                                : csv_ ? TableFormat::csv
                                                                       : TableFormat::text,
                                                      .by_stage = by_stage_,
                                                      .by_shape = by_shape_,
                                                      .session = session_},
                                                     &notes)
                          : profiling::describe_request(files_, request_, session_, &notes);
  if (!table || csv_) say("summary", notes);  // the others have them in their text
  if (!text) return refuse("trace summary", 1, text.error().message);
  std::cout << *text;
  return 0;
}

int TraceCommands::diff() const {
  profiling::Notes notes;
  const auto text = profiling::diff_table(
      before_, after_, &notes, {.before_session = session_, .after_session = beside_session_});
  say("diff", notes);
  if (!text) return refuse("trace diff", 1, text.error().message);
  std::cout << *text;
  return 0;
}

int TraceCommands::recover() const {
  int code = 0;
  for (const auto& file : files_) {
    const auto recovered = profiling::recover(file);
    if (recovered)
      std::cout << recovered->file.string() << ": " << recovered->events << " events; "
                << recovered->bytes_given_up << " bytes at its end were torn\n";
    else code = refuse("trace recover", 1, recovered.error().message);
  }
  return code;
}

int TraceCommands::merge() const {
  const auto merged = profiling::merge(files_, out_, {.force = force_, .session = session_});
  if (!merged) return refuse("trace merge", 1, merged.error().message);
  say("merge", merged->notes);
  std::cout << out_.string() << ": " << merged->events << " events of " << merged->files
            << " ranks, " << merged->requests << " requests, " << merged->arrows
            << " chunks with both ends, " << merged->unmatched_chunks << " with one, "
            << merged->collectives << " collectives\n";
  return 0;
}

int TraceCommands::report() const {
  const auto written = profiling::write_report(
      report_out_, files_,
      {.force = force_, .session = session_, .beside = beside_, .beside_session = beside_session_});
  if (!written) return refuse("trace report", 1, written.error().message);
  say("report", *written);
  std::cout << report_out_.string() << ": open it in a browser\n";
  return 0;
}

int TraceCommands::open() const {
  if (files_.size() != 1)
    return refuse("trace open", 1,
                  "found " + std::to_string(files_.size()) +
                      " files, expected one: `limelight trace merge` makes one of many");
  const auto looked = profiling::examine(files_).front();
  if (looked.readings.empty()) return refuse("trace open", 1, looked.findings.front());
  const auto perfetto =
      std::find_if(looked.readings.begin(), looked.readings.end(),
                   [](const auto& reading) { return reading.program == "Perfetto"; });
  const auto folder = Scratch::make("open");
  std::filesystem::path served = files_.front();
  if (perfetto->outcome != profiling::TraceReading::Outcome::accepts) {
    // What the tools make of it has nothing that Perfetto could refuse.
    const auto copy = folder ? folder->path / "copy.json.gz" : std::filesystem::path();
    const bool made = folder && profiling::merge(files_, copy).ok();
    say("open", {files_.front().string() + ": Perfetto " + outcome_of(*perfetto) + perfetto->why +
                 (made ? "; a copy without that is served" : "")});
    if (made) served = copy;
  }
  const auto done = serve_to_perfetto(served, port_, browser_, files_.front().filename().string());
  return done ? 0 : refuse("trace open", 1, done.error().message);
}

int TraceCommands::run() const {
  if (validate_->parsed()) return validate();
  if (summary_->parsed()) return summary();
  if (recover_->parsed()) return recover();
  if (merge_->parsed()) return merge();
  if (report_->parsed()) return report();
  if (open_->parsed()) return open();
  return diff();
}

}  // namespace limelight::cli
