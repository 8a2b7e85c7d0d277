// `limelight serve` offers a pipeline over HTTP until it is ended by a signal.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "actors/http/front.hpp"
#include "cli/log_format.hpp"

namespace limelight::cli {

struct ServeOptions {
  http::FrontOptions front = {};
  std::vector<std::filesystem::path> key_files = {}, profile_key_files = {};  // a token a line
  std::chrono::milliseconds drain_time{30'000};
  std::filesystem::path config_file = {};  // of flags; see config_file.hpp
  LogFormat log_format = LogFormat::text;
  bool log_stats = false;
  std::chrono::milliseconds log_stats_interval{10'000};
  std::string on_trace = {};  // see TraceCommand; empty: none
  std::chrono::seconds on_trace_time{300};
  bool check = false;  // read all that is named, print the pipeline, and start nothing
  // The same command line and environment, with the file of flags as it is now. Null: SIGHUP reads
  // the files that are named here.
  std::function<Result<ServeOptions>()> reread = {};
};

// SIGTERM and Ctrl-C drain: open requests are finished within drain_time; a second one cancels
// them. SIGUSR2 writes the flight recorders, SIGHUP reads tokens and the defaults of sampling anew,
// also from the file of flags.
// Returns the exit code: 0 all requests were finished, 1 some were cancelled or the pipeline
// failed, 2 wrong usage or config.
int serve(ServeOptions options);

// The tokens of a file: its lines, without blanks around them; empty lines and those that begin
// with # are none. Errors: not_found, invalid_argument (it has none).
Result<std::vector<std::string>> read_keys(const std::filesystem::path& file);

}  // namespace limelight::cli
