#include "actors/orchestrator/profiler_out.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/try.hpp"
#include "profiling/analysis/op_table.hpp"
#include "profiling/trace/member_file.hpp"
#include "profiling/trace/memory_words.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::actors {

namespace fs = std::filesystem;

namespace {

// The session whose traces an earlier file names, "earlier" if it names none.
std::string session_in(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  const std::string session =
      profiling::session_name_of(line.substr(std::min(line.rfind('/') + 1, line.size())));
  return session.empty() ? "earlier" : session;
}

// Moves the file out of the way of the next one, to a name that is free.
Result<void> keep_earlier(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(file, ignored))) return {};
  const fs::path kept =
      file.parent_path() / (file.stem().string() + "-" + session_in(file) + ".txt");
  for (int number = 1; !profiling::rename_to_free_name(file, profiling::numbered(kept, number));
       ++number)
    if (errno != EEXIST)
      return Error{ErrorCode::io, file.string() +
                                      ": cannot give the file of an earlier run the name " +
                                      kept.string() + ": " + std::strerror(errno)};
  return {};
}

}  // namespace

Result<void> write_profiler_out(const std::vector<RankTrace>& ranks, const fs::path& folder) {
  struct Stage {
    std::filesystem::path directory;
    std::string head, memory;
    std::vector<OpTotal> ops;
  };
  std::map<int, Stage> stages;
  for (const RankTrace& rank : ranks) {
    if (rank.file.empty()) continue;
    Stage& stage = stages[rank.stage_id];
    stage.directory = rank.host.empty() ? rank.file.parent_path() : folder;
    std::error_code ignored;
    if (!rank.host.empty()) fs::create_directories(folder, ignored);
    stage.head += "rank " + std::to_string(rank.rank) + ": " + std::to_string(rank.events) +
                  " events, " + std::to_string(rank.drops) + " drops, clock error " +
                  std::to_string(rank.clock_error_ns) + " ns, profiler CPU time " +
                  std::to_string(rank.profiler_cpu_ns / 1000) + " us, " + rank.file.string() + "\n";
    if (rank.memory.recorded)
      stage.memory += "memory of rank " + std::to_string(rank.rank) + ": " +
                      profiling::memory_sentence(rank.memory) + "\n";
    stage.ops.insert(stage.ops.end(), rank.ops.begin(), rank.ops.end());
  }
  for (const auto& [id, stage] : stages) {
    const auto path = stage.directory / ("profiler_out_" + std::to_string(id) + ".txt");
    LIMELIGHT_TRY(keep_earlier(path));
    std::ofstream out(path);
    out << stage.head << stage.memory << "\n" << profiling::op_table(stage.ops);
    out.close();
    if (!out) {
      const Error failed{ErrorCode::io, path.string() + ": cannot write: " + std::strerror(errno)};
      std::error_code ignored;
      fs::remove(path, ignored);  // half a table is none
      return failed;
    }
  }
  return {};
}

}  // namespace limelight::actors
