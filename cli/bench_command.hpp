// `limelight bench ...`: runs a benchmark and prints its table, or its JSON.
#pragma once

#include <filesystem>
#include <string>

namespace limelight::cli {

struct BenchOptions {
  bool quick = false, json = false;
  std::filesystem::path config;  // for benches that run the pipeline
  std::string model = "smollm2";
};

// Returns the exit code.
int bench_ipc(const BenchOptions& options);
int bench_matmul(const BenchOptions& options);
int bench_profiler(const BenchOptions& options);
int bench_decode(const BenchOptions& options);

}  // namespace limelight::cli
