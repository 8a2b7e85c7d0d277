#include "cli/bench_command.hpp"

#include <iostream>

#include "bench/decode.hpp"
#include "bench/ipc.hpp"
#include "bench/matmul.hpp"
#include "bench/profiler.hpp"

namespace limelight::cli {

namespace {
int print(const char* name,
          const BenchOptions& options,
          const Result<std::vector<bench::Measurement>>& results) {
  if (!results) {
    std::cerr << "limelight bench " << name << ": " << results.error().message << "\n";
    return 1;
  }
  std::cout << (options.json ? bench::to_json(*results) : bench::to_table(*results));
  return 0;
}
}  // namespace

int bench_ipc(const BenchOptions& options) {
  return print("ipc", options, bench::bench_ipc({options.quick}));
}

int bench_matmul(const BenchOptions& options) {
  return print("matmul", options, bench::bench_matmul(options.quick));
}

int bench_decode(const BenchOptions& options) {
  return print("decode", options, bench::bench_decode({options.quick, options.model}));
}

int bench_profiler(const BenchOptions& options) {
  return print("profiler", options, bench::bench_profiler({options.quick, options.config}));
}

}  // namespace limelight::cli
