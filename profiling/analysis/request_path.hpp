// Computes where the time of each request went, for each rank: queue, transfer, compute,
// collectives, and its slowest operations.
//
// add() takes the events of any number of ranks, in any order. Memory grows with the number of
// requests, not of events. One thread uses an object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "profiling/analysis/trace_line_reader.hpp"

namespace limelight::profiling {

struct StagePath {
  int rank = 0;
  bool orchestrator = false;      // then the times are those of submission, admission and end
  std::int64_t submitted_ns = 0;  // when the rank got the request; 0: not in the trace
  std::int64_t first_step_ns = 0, last_step_ns = 0;  // begin of the first, end of the last
  std::uint64_t steps = 0;
  std::int64_t compute_ns = 0;     // in the steps, without transfers and collectives; of a step
                                   // that several requests share, this one's share
  std::int64_t beside_ns = 0;      // in shared steps, the rest: the shares of the others
  std::int64_t transfer_ns = 0;    // in loans and publishes
  std::int64_t collective_ns = 0;  // in collectives, including the wait for other ranks
  std::vector<std::pair<std::string, std::int64_t>> operations;  // time by operation, longest first
};
struct RequestPath {
  std::string request;
  std::vector<StagePath> stages;  // by rank
};

class RequestPaths {
 public:
  void add(const EventLine& event, int rank);
  std::vector<RequestPath> finish() const;

 private:
  struct Collected {
    StagePath path;
    std::map<std::string, std::int64_t, std::less<>> operations;
  };
  std::map<std::string, std::map<int, Collected>, std::less<>> requests_;
};

}  // namespace limelight::profiling
