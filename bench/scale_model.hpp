// What is beyond one machine, computed from what was measured on one: a supervisor that asks
// thousands of ranks, the merge of their traces, and what continuous profiling writes and sends.
//
// The supervisor is one thread, as it is in truth: it sends one question after the other, and reads
// one answer after the other. How long a rank takes is drawn from what ranks took here. Whoever
// gives the same constants gets the same numbers. Plain values; any thread.
#pragma once

#include <cstdint>
#include <vector>

namespace limelight::bench {

struct ScaleConstants {
  double supervisor_us = 0;          // for each rank: half to ask, half to read the answer
  std::vector<double> rank_us = {};  // how long a rank took to answer, network included: a sample
  double network_us = 0;             // there and back, between machines, added to each answer
  double merge_file_us = 0;          // of a merge, for each file
  double merge_event_us = 0;         // and for each event
  double bytes_per_event = 0;        // in a compressed trace
  double events_per_rank_s = 0;      // of a rank that is busy
  double question_bytes = 0, answer_bytes = 0;  // of start_profile, for each rank
};

// The time until all ranks have answered, in ms. fan: ranks that one asks by itself; 0: all. With a
// fan, those that are asked ask others, as a tree.
double fan_out_ms(const ScaleConstants& constants, std::uint64_t ranks, std::uint64_t fan = 0);

// Of one trace from each rank, of so many events each.
double merge_s(const ScaleConstants& constants, std::uint64_t ranks, std::uint64_t events);

struct Volume {
  double disk_mb_s = 0;    // MB of traces in a second, all ranks together
  double disk_tb_day = 0;  // in a day
  double control_mb = 0;   // through the supervisor's network, for one start and stop
};
Volume volume_of(const ScaleConstants& constants, std::uint64_t ranks);

}  // namespace limelight::bench
