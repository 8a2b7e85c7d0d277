// The result of a load as users of vLLM's benchmarks know it: the same names of metrics, the same
// keys of the JSON file (vLLM-Omni 0.30, benchmarks/metrics and benchmarks/patch), with confidence
// intervals besides.
//
//   ttft   time to the first piece of text       tpot   mean of a request's itl
//   itl    time between two pieces of text       e2el   from submission to the last piece
//   audio_ttfp   time to the first piece of sound      audio_rtf       e2el / seconds of sound
//   audio_underrun   how long a player had to wait     audio_duration  seconds of sound
//
// Standard deviations are those of the sample as a whole (divided by n), and percentiles are
// interpolated linearly, as numpy does both by default.
#pragma once

#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/load/request_times.hpp"

namespace limelight::bench {

struct LoadResult {
  std::vector<RequestTimes> requests = {};
  double duration = 0;  // s
  // {"backend": "openai-chat", ...}: what the result file says first.
  std::vector<std::pair<std::string, std::string>> about = {};
};

struct LoadReport {
  std::vector<std::string> metrics = {"ttft", "tpot", "itl", "e2el"};
  std::vector<double> percentiles = {50, 90, 95, 99};  // 0 to 100
  // A request is good if all of these metrics are within their limit, in ms (audio_rtf: its value).
  std::vector<std::pair<std::string, double>> goodput = {};
  bool detailed = false;  // a list with a value for each request
};

// Errors: invalid_argument (a metric that is none of the above, a percentile out of range).
Result<void> check(const LoadReport& report);
// "p50,p99.9" without the p: "50,99.9". Errors: invalid_argument.
Result<std::vector<double>> read_percentiles(const std::string& text);
// "ttft:500,e2el:2000". Errors: invalid_argument.
Result<std::vector<std::pair<std::string, double>>> read_goodput(const std::string& text);

// Runs of the same plan as one: one after the other, as if there were no pause between them.
LoadResult joined(const std::vector<LoadResult>& runs);
// {"request_throughput": ..., "mean_ttft_ms": ...} of one run, which `compare` takes as one
// observation: what slows a run slows all of its requests.
nlohmann::ordered_json run_json(const LoadResult& run, const LoadReport& report);
nlohmann::ordered_json load_json(const LoadResult& result, const LoadReport& report);
std::string load_table(const LoadResult& result, const LoadReport& report);
// Lines of metric,unit,samples,mean,median,std,ci95_low,ci95_high,p...
std::string load_csv(const LoadResult& result, const LoadReport& report);

}  // namespace limelight::bench
