// The part of `limelight bench scale` that measures the constants of scale_model.hpp and says what
// they come to with up to 10,000 ranks. scale.hpp explains the results.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "bench/plot.hpp"
#include "bench/report.hpp"
#include "bench/scale_model.hpp"
#include "bench/scale_ranks.hpp"

namespace limelight::bench {

struct MergeCost {
  double file_us = 0, event_us = 0, file_mib = 0;  // file_mib: of memory, for each open file
};
// Merges traces that it records. Errors: those of sessions and of a merge.
Result<MergeCost> measure_merge(const Scratch& scratch, bool quick);

// Profiles requests through the pipeline of `config`: bytes_per_event and events_per_rank_s (of the
// rank that records most). Errors: those of Omni.
Result<void> measure_volume(const std::filesystem::path& config,
                            const Scratch& scratch,
                            bool quick,
                            ScaleConstants& constants);

// The sizes of the messages of a start, as they go over the network, without what CAF adds.
void measure_messages(ScaleConstants& constants);

// The rows of what is computed, up to 10,000 ranks.
std::vector<Measurement> beyond_rows(const ScaleConstants& constants);
// Acknowledgement by number of ranks: measured, and computed beyond.
LinePlot scale_plot(const std::vector<RanksMeasured>& measured, const ScaleConstants& constants);
// What breaks first, and what would be done about it: a sentence each.
std::vector<std::string> what_breaks(const std::vector<RanksMeasured>& measured,
                                     const ScaleConstants& constants,
                                     const MergeCost& merge,
                                     const std::string& refused_channels);

}  // namespace limelight::bench
