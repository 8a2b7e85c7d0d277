// `limelight bench ...`: runs a benchmark and prints its table, or its JSON.
#pragma once

namespace limelight::cli {

struct BenchOptions {
  bool quick = false, json = false;
};

// Returns the exit code.
int bench_ipc(const BenchOptions& options);
int bench_matmul(const BenchOptions& options);

}  // namespace limelight::cli
