// Computes where the time of each request went, for each rank: queue, transfer, compute,
// collectives, work for others, and its slowest operations.
//
// add() takes the events of any number of ranks, in any order. Memory grows with the number of
// requests and by 16 bytes for each step, not with other events. One thread uses an object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "profiling/analysis/trace_event.hpp"

namespace limelight::profiling {

// Times in nanoseconds since the base, [begin, end).
using Interval = std::pair<std::int64_t, std::int64_t>;

// The union of intervals, coarse enough to be drawn: where there would be too many, the narrowest
// gaps are closed. Intervals may come in any order.
class Intervals {
 public:
  static constexpr std::size_t most = 512;
  void add(Interval interval);
  std::vector<Interval> joined() const;

 private:
  static std::vector<Interval> join(std::vector<Interval> intervals, std::int64_t gap);
  std::vector<Interval> intervals_;
  std::int64_t gap_ = 0;
};

struct StagePath {
  int rank = 0;
  bool orchestrator = false;      // then the times are those of submission, admission and end
  std::uint64_t submissions = 0;  // more than 1: so many requests of this id were given to the rank
  std::int64_t submitted_ns = 0;  // when the rank got the request; 0: not in the trace
  std::int64_t first_step_ns = 0, last_step_ns = 0;  // begin of the first, end of the last
  std::uint64_t steps = 0;
  std::int64_t compute_ns = 0;     // in the steps, without transfers and collectives; of a step
                                   // that several requests share, this one's share
  std::int64_t beside_ns = 0;      // in shared steps, the rest: the shares of the others
  std::int64_t transfer_ns = 0;    // in loans and publishes
  std::int64_t collective_ns = 0;  // in collectives, including the wait for other ranks
  std::int64_t others_ns = 0;      // between its steps: in steps for other requests alone
  std::vector<Interval> worked;    // when its steps ran
  std::vector<std::pair<std::string, std::int64_t>> operations;  // time by operation, longest first

  // Between its first and its last step: time in which the rank worked for nobody.
  std::int64_t idle_ns() const;
};
struct RequestPath {
  std::string request;
  std::vector<StagePath> stages;  // by rank
  // How many requests of this id there were; their times cannot be told apart and are added up.
  std::uint64_t count() const;
};

class RequestPaths {
 public:
  void add(const EventLine& event, int rank);
  std::vector<RequestPath> finish() const;

 private:
  struct Collected {
    StagePath path;
    Intervals worked;
    std::int64_t in_steps_ns = 0;  // of its steps, whole
    std::map<std::string, std::int64_t, std::less<>> operations;
    void step(Interval interval);
  };
  std::map<std::string, std::map<int, Collected>, std::less<>> requests_;
  std::map<int, std::vector<Interval>> steps_;  // of each rank, for whomever
};

}  // namespace limelight::profiling
