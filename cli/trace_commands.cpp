#include "cli/trace_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <limelight/trace.hpp>

#include "cli/serve_file.hpp"

namespace limelight::cli {

namespace {
int refuse(const char* command, const Error& error) {
  std::cerr << "limelight trace " << command << ": " << error.message << "\n";
  return 1;
}
int print(const char* command, const Result<std::string>& text) {
  if (!text) return refuse(command, text.error());
  std::cout << *text;
  return 0;
}
}  // namespace

TraceCommands::TraceCommands(CLI::App& app) {
  CLI::App* trace = app.add_subcommand("trace", "Work on trace files");
  trace->require_subcommand(1);
  validate_ = trace->add_subcommand(
      "validate", "Check that other tools can read the files, and list what they could not");
  summary_ = trace->add_subcommand("summary", "Print time by operation over all files");
  summary_->add_option("--request", request_,
                       "show where the time of this request went, for each rank");
  recover_ = trace->add_subcommand(
      "recover", "Make readable traces of the .part files that killed ranks left");
  merge_ = trace->add_subcommand(
      "merge",
      "One timeline of all ranks, with an arrow for each tensor and a track for each request");
  merge_->add_option("-o,--out", out_, "the merged trace (.json.gz)")->required();
  report_ = trace->add_subcommand(
      "report", "One HTML page: timeline, requests, operations, hand-off and how ranks differ");
  report_->add_option("-o,--out", report_out_, "the page")->default_val("report.html");
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
  diff_->footer("Example: limelight trace diff -a old/*.gz -b new/*.gz");
}

int TraceCommands::validate() const {
  const std::vector<std::string> findings = profiling::validate(files_);
  for (const std::string& finding : findings) std::cerr << finding << "\n";
  if (findings.empty()) std::cout << files_.size() << " traces are valid\n";
  return findings.empty() ? 0 : 1;
}

int TraceCommands::summary() const {
  if (!request_.empty()) return print("summary", profiling::describe_request(files_, request_));
  return print("summary", profiling::summary_table(files_));
}

int TraceCommands::recover() const {
  int code = 0;
  for (const auto& file : files_) {
    const auto recovered = profiling::recover(file);
    if (recovered)
      std::cout << recovered->file.string() << ": " << recovered->events << " events; "
                << recovered->bytes_given_up << " bytes at its end were torn\n";
    else code = refuse("recover", recovered.error());
  }
  return code;
}

int TraceCommands::merge() const {
  const auto merged = profiling::merge(files_, out_);
  if (!merged) return refuse("merge", merged.error());
  std::cout << out_.string() << ": " << merged->events << " events of " << files_.size()
            << " ranks, " << merged->requests << " requests, " << merged->arrows
            << " chunks with both ends, " << merged->unmatched_chunks << " with one\n";
  return 0;
}

int TraceCommands::report() const {
  const auto written = profiling::write_report(report_out_, files_);
  if (!written) return refuse("report", written.error());
  std::cout << report_out_.string() << ": open it in a browser\n";
  return 0;
}

int TraceCommands::open() const {
  if (files_.size() != 1)
    return refuse("open", {ErrorCode::invalid_argument,
                           "found " + std::to_string(files_.size()) +
                               " files, expected one: `limelight trace merge` makes one of many"});
  const auto served = serve_to_perfetto(files_.front(), port_, browser_);
  return served ? 0 : refuse("open", served.error());
}

int TraceCommands::run() const {
  if (validate_->parsed()) return validate();
  if (summary_->parsed()) return summary();
  if (recover_->parsed()) return recover();
  if (merge_->parsed()) return merge();
  if (report_->parsed()) return report();
  if (open_->parsed()) return open();
  return print("diff", profiling::diff_table(before_, after_));
}

}  // namespace limelight::cli
