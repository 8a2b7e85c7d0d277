// `limelight run` sends prompts through a pipeline, writes text and sound, and profiles stages.
#pragma once

#include <filesystem>
#include <functional>
#include <limelight/config.hpp>
#include <limelight/profile.hpp>
#include <string>
#include <vector>

#include "cli/log_format.hpp"
#include "cli/media_files.hpp"

namespace limelight::cli {

struct RunOptions {
  std::filesystem::path config;  // of stages; empty beside `model`
  std::string model;             // a folder, a file or a fetched name; see EngineArgs
  std::filesystem::path deploy_config;
  std::string stage_overrides;
  std::filesystem::path token_file;  // see EngineArgs, as the next
  bool collect = false;
  bool check = false;  // print the pipeline, and start nothing
  std::string prompt;
  std::vector<MediaFile> media;         // before the prompt's text
  std::string system;                   // message before each conversation that has none
  std::vector<std::string> modalities;  // of requests that name none; empty: all
  // What the flags set, over the defaults of the config, and under what a line of the file says.
  std::vector<std::function<void(stages::SamplingParams&)>> sampling;
  std::filesystem::path prompts_file;
  std::filesystem::path output_dir;  // empty: nothing is written
  std::string profile;               // "", "all" or a list such as "0,2"
  std::filesystem::path profile_dir;
  ProfileOptions profile_options;
  bool profile_startup = false;                              // see EngineArgs
  std::chrono::milliseconds slow_request{0}, full_queue{0};  // see EngineArgs
  std::string otlp_endpoint;  // a collector of OpenTelemetry; empty: none
  LogFormat log_format = LogFormat::text;
  bool log_stats = false;
  std::chrono::milliseconds log_stats_interval{10'000};
  std::string on_trace;  // see TraceCommand; empty: none
  std::chrono::seconds on_trace_time{300};
  bool json = false;
};

// Returns the exit code: 0 done, 1 a request or the pipeline failed, 2 wrong usage or config.
int run(const RunOptions& options);

}  // namespace limelight::cli
