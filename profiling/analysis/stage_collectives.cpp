#include "profiling/analysis/stage_collectives.hpp"

#include <limits>

namespace limelight::profiling {

Result<void> StageCollectives::count(const std::vector<std::filesystem::path>& files) {
  for (const auto& file : files) {
    auto reader = TraceReader::open(file);
    if (!reader) return reader.error();
    ++stages_[reader->origin().stage];
  }
  return {};
}

void StageCollectives::begin(const TraceReader& reader) {
  // Of a merged file any rank may be one of the stage.
  size_ = reader.origin().merged ? std::numeric_limits<std::size_t>::max()
                                 : stages_[reader.origin().stage];
  kernels_alone_ = reader.origin().backend == "nccl";
}

void StageCollectives::add(const EventLine& event, int rank, const std::string& rank_name) {
  if (kernels_alone_ && event.category != "kernel") return;
  const std::size_t stage = rank_name.find(": ");
  const std::size_t end = rank_name.find(", replica");
  match_.add(event, rank,
             stage == std::string::npos ? "" : rank_name.substr(stage + 2, end - stage - 2), size_);
}

}  // namespace limelight::profiling
