// Gives each rank that a set of traces shows a number and a name: those that the traces state, and
// other numbers where they state none or one twice. One thread uses an object.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "profiling/analysis/trace_reader.hpp"

namespace limelight::profiling {

// The processes that a merge makes: one for the tracks of requests, and those of each rank's GPUs,
// which would be the same numbers for all ranks.
inline constexpr std::int64_t requests_pid = 99'999'999, first_gpu_pid = 100'000'000,
                              gpu_pids_per_rank = 1000, first_free_pid = 1'000'000'000;

class RankNumbers {
 public:
  // Begins a file. Of a merged one the ranks are told by the names of its processes.
  void begin(const TraceReader& reader);
  // The rank of an event of that file; -1 for a merged file's tracks of requests, which are no
  // rank's. Metadata come before what they are about.
  int of(const EventLine& event);
  // Such as "rank 3: stage 2 code2wav" or "orchestrator".
  const std::string& name(int rank) { return names_[rank]; }

 private:
  int free_number(int from) const;
  std::map<int, std::string> names_;
  std::set<int> taken_;
  std::map<std::int64_t, int> by_pid_;  // of a merged file
  std::map<std::string, int> by_file_;  // a file that is read again keeps its number
  int rank_ = 0;
  bool merged_ = false, named_ = false, own_ = false;
};

}  // namespace limelight::profiling
