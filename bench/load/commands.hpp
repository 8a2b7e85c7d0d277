// The command line of the loads: serve, throughput, latency, and compare. Flags are named as those
// of vLLM's benchmarks where they have one.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/pipeline_load.hpp"
#include "bench/load/serve_load.hpp"

namespace limelight::bench {

// Adds its subcommands to an app, which must be parsed while this object lives.
class LoadCommands {
 public:
  explicit LoadCommands(CLI::App& bench);
  LoadCommands(const LoadCommands&) = delete;
  LoadCommands& operator=(const LoadCommands&) = delete;

  // Runs the one that was parsed: the exit code, 2 for wrong usage. Empty: it was another.
  std::optional<int> run();

 private:
  void add_plan(CLI::App& command);
  void add_lengths(CLI::App& command);
  void add_output(CLI::App& command);
  void add_pipeline(CLI::App& command);
  void add_profile(CLI::App& command);
  Result<void> read();

  CLI::App* serve_ = nullptr;
  CLI::App* throughput_ = nullptr;
  CLI::App* latency_ = nullptr;
  CLI::App* compare_ = nullptr;

  PlanOptions plan_;
  OutputOptions output_;
  OpenAiOptions client_;
  PipelineLoadOptions pipeline_;
  std::string backend_ = "openai-chat", rate_ = "inf", percentiles_ = "50,90,95,99", goodput_;
  std::vector<std::string> metrics_;
  std::string seed_ = "0";
  int warmups_ = 1, runs_ = 1, max_concurrency_ = 0;
  bool ignore_eos_ = false;
  double temperature_ = -1;
  std::string profile_;
  bool profiles_ = false;
  std::vector<std::filesystem::path> compared_, before_, after_;
};

}  // namespace limelight::bench
