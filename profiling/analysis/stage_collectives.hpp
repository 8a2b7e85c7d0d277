// Finds the collectives of a set of traces, whatever program wrote them: CollectiveMatch, told
// which ranks are of one stage.
//
//   1. count() all files
//   2. for each file begin(), then add() for each event
//   3. finish()
//
// One thread uses an object.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <map>
#include <string>
#include <vector>

#include "profiling/analysis/collective_match.hpp"
#include "profiling/analysis/trace_reader.hpp"

namespace limelight::profiling {

class StageCollectives {
 public:
  explicit StageCollectives(CollectiveMatch::OnMatch on_match)
      : match_(std::move(on_match), most_open) {}

  // Errors: not_found, corrupt.
  Result<void> count(const std::vector<std::filesystem::path>& files);
  void begin(const TraceReader& reader);
  // rank_name: such as "rank 3: stage 2 code2wav".
  void add(const EventLine& event, int rank, const std::string& rank_name);
  void finish() { match_.finish(); }

 private:
  // Files come one after another, so those of a whole file wait for those of the next.
  static constexpr std::size_t most_open = std::size_t{1} << 18;
  CollectiveMatch match_;
  std::map<std::string, std::size_t> stages_;  // how many files each has
  std::size_t size_ = 0;                       // of the file's stage, at most
  bool kernels_alone_ = false;  // of what NCCL does the kernels count, not the calls too
};

}  // namespace limelight::profiling
