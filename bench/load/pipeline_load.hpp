// `limelight bench throughput` and `latency`: a load on a pipeline in this process, without a
// server between.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <vector>

#include "bench/load/plan.hpp"
#include "bench/load/result_file.hpp"

namespace limelight::bench {

struct PipelineLoadOptions {
  EngineArgs engine = {};
  PlanOptions plan = {};
  OutputOptions output = {};
  int max_concurrency = 0;  // 0: all requests are submitted at the start
  int warmups = 1;
  int runs = 1;  // how often the plan is served
  bool ignore_eos = false;
  double temperature = -1;  // below 0: the model's
  // A profile of the measured part; traces go to engine.profile_dir.
  bool profile = false;
  std::vector<int> profile_stages = {};  // empty: all
  // Of latency: requests that are submitted together, and how often that is done.
  int batch_size = 8, num_iters = 30, num_iters_warmup = 10;
};

// Prints what the requests of the plan took together, and each of them. Errors: of make_plan() and
// of AsyncOmni; unavailable (all requests failed).
Result<void> bench_throughput(const PipelineLoadOptions& options);
// Prints how long a batch takes from its submission to its last output, as often as num_iters says:
// {"avg_latency", "latencies", "percentiles"} in seconds, as vLLM has it.
Result<void> bench_latency(const PipelineLoadOptions& options);

}  // namespace limelight::bench
