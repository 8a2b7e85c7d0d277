#include "actors/orchestrator/profiler_out.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "profiling/analysis/op_table.hpp"

namespace limelight::actors {

Result<void> write_profiler_out(const std::vector<RankTrace>& ranks) {
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
  for (const auto& [id, stage] : stages) {
    const auto path = stage.directory / ("profiler_out_" + std::to_string(id) + ".txt");
    std::ofstream out(path);
    out << stage.head << "\n" << profiling::op_table(stage.ops);
    out.close();
    if (!out)
      return Error{ErrorCode::io, path.string() + ": cannot write: " + std::strerror(errno)};
  }
  return {};
}

}  // namespace limelight::actors
