#include "actors/orchestrator/profiler_out.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "profiling/analysis/op_table.hpp"

namespace limelight::actors {

void write_profiler_out(const std::vector<RankTrace>& ranks) {
  struct Stage {
    std::filesystem::path directory;
    std::string head;
    std::vector<OpTotal> ops;
  };
  std::map<int, Stage> stages;
  for (const RankTrace& rank : ranks) {
    if (rank.file.empty()) continue;
    Stage& stage = stages[rank.stage_id];
    stage.directory = rank.file.parent_path();
    stage.head += "rank " + std::to_string(rank.rank) + ": " + std::to_string(rank.events) +
                  " events, " + std::to_string(rank.drops) + " drops, clock error " +
                  std::to_string(rank.clock_error_ns) + " ns, profiler CPU time " +
                  std::to_string(rank.profiler_cpu_ns / 1000) + " us, " + rank.file.string() + "\n";
    stage.ops.insert(stage.ops.end(), rank.ops.begin(), rank.ops.end());
  }
  for (const auto& [id, stage] : stages)
    std::ofstream(stage.directory / ("profiler_out_" + std::to_string(id) + ".txt"))
        << stage.head << "\n"
        << profiling::op_table(stage.ops);
}

}  // namespace limelight::actors
