// `limelight bench scale` measures what a pipeline costs beside the computing: its start, its end,
// what it uses while nobody asks, what it adds to the time of a request, whether it grows; the same
// by the number of ranks, as many as one machine takes; and it computes what is beyond that.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "bench/report.hpp"

namespace limelight::bench {

struct ScaleOptions {
  bool quick = false;
  std::filesystem::path config;     // of the pipeline that is measured beside those of many ranks
  std::filesystem::path plot = {};  // an SVG of what all ranks' answers take; empty: none
};

struct ScaleResult {
  std::vector<Measurement> rows;
  std::vector<std::string> notes;  // what breaks first, and what would be done about it
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
// and for 1, 2, 4 ... 128 ranks of one stage, with flight recorders on:
//
//   memory        MiB  ranks, of        anonymous memory of one rank (the median), of the
//                                       orchestrator; the use of /dev/shm
//   idle_each     %    ranks            of a core, for each rank
//   start_answer  ms   ranks, p         start_profile until all have answered; an echo over TCP
//   stop_answer   ms   ranks, p         stop_profile until all files are complete
//   supervisor    us   ranks            CPU time of the orchestrator, for each rank asked
//   hand_off      us   ranks, channels  from publish to take, while many replicas are at work
//
// and, computed from these (params: computed), for 1000 and 10,000 ranks with a machine each:
//
//   fan_out, fan_out_as_tree  ms    until all ranks have answered
//   merge                     s     of a trace of 100,000 events from each
//   disk, disk_a_day          MB/s, TB  of continuous profiling, all ranks together
//   control                   MB    through the supervisor's network, for one start and stop
//
// Errors: those of starting a pipeline.
Result<ScaleResult> bench_scale(const ScaleOptions& options);

}  // namespace limelight::bench
