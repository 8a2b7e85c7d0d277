// The flags of `limelight run` that are about traces, and their variables (LIMELIGHT_PROFILE...).
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "cli/run_command.hpp"

namespace limelight::cli {

// Adds --on-trace and its limit of time: see TraceCommand.
void add_on_trace(CLI::App& command, std::string& words, std::chrono::seconds& time);

class ProfileFlags {
 public:
  // Adds them to the command. Both arguments must outlive the object.
  ProfileFlags(CLI::App& command, RunOptions& run);
  // After the command line was parsed: throws CLI::ValidationError for a flag that has an empty
  // text, or that is about a profile where none is asked for. (A variable may be set all the time;
  // then it waits for a profile.)
  void check() const;
  // Stores what the flags say together.
  void apply();

 private:
  CLI::App& command_;
  RunOptions& run_;
  std::int64_t slow_ms_ = 0, full_queue_ms_ = 0;
};

}  // namespace limelight::cli
