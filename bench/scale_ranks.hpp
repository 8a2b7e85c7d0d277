// The part of `limelight bench scale` that runs pipelines of 1 to 128 ranks on this machine, each
// rank with next to nothing to compute. scale.hpp explains the results.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "base/scratch.hpp"

namespace limelight::bench {

struct RanksMeasured {
  int ranks = 0;
  double start_ms = 0, end_ms = 0;
  double rank_mib = 0, orchestrator_mib = 0, shm_mib = 0;  // rank_mib: the median of all ranks
  double idle_percent = 0;                                 // of a core, for each rank
  double supervisor_us = 0;  // CPU time of this process for each rank, of a start or a stop
  std::vector<double> started_ms, stopped_ms;  // until all ranks had answered
  std::vector<double> echo_ms;                 // the same number of processes, over TCP
};
// Errors: those of starting a pipeline.
Result<RanksMeasured> measure_ranks(const Scratch& scratch, int ranks, bool quick);

struct HandOffMeasured {
  int ranks = 0, channels = 0;
  double in_flight_us = 0;  // from publish to take, the median of all pairs of replicas
};
// `replicas` thinkers hand to as many talkers, each to each, and these to one code2wav. Errors:
// invalid_argument (more channels than iceoryx has, in words), those of starting a pipeline.
Result<HandOffMeasured> measure_hand_off(const Scratch& scratch, int replicas);

}  // namespace limelight::bench
