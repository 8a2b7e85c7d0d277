// `limelight bench scale` measures what a pipeline costs beside the computing: its start, its end,
// what it uses while nobody asks, what it adds to the time of a request, and whether it grows.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <vector>

#include "bench/report.hpp"

namespace limelight::bench {

struct ScaleOptions {
  bool quick = false;
  std::filesystem::path config;  // of the pipeline that is measured beside that of 64 ranks
};

// Returns these measurements:
//
//   name      unit  params         value
//   start     ms    ranks          from nothing until all ranks have joined, the broker included
//   end       ms    ranks          until no process is left
//   idle      %     ranks          of a core, used by all ranks, this process and the broker
//   overhead  %     requests,      by which a request for a text takes longer than its first stage
//                   compute_ms     computes (the median of each)
//   growth    B     requests,      of anonymous memory, for each request: of this process and of
//                   process        its rank
//
// The pipelines are that of `config` and, for start and end, one of 64 ranks, with flight recorders
// on. Errors: those of starting a pipeline.
Result<std::vector<Measurement>> bench_scale(const ScaleOptions& options);

}  // namespace limelight::bench
