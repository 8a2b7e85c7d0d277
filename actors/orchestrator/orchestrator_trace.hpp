// The orchestrator's own trace: how requests wait, are told to the ranks, and come back. Its rank
// is one more than the last of the pipeline's.
//
// Callable from any thread.
#pragma once

#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "actors/pipeline/protocol.hpp"
#include "profiling/capture/session.hpp"

namespace limelight::actors {

class OrchestratorTrace {
 public:
  // With the ranks' directory, names and limits of time and request. A failure is told in the
  // answer's note: the ranks' traces are worth having without it.
  RankTrace start(const StartProfile& request, int world_size);
  // Nothing if none runs.
  std::optional<RankTrace> stop();

 private:
  std::mutex mutex_;
  std::unique_ptr<profiling::Session> session_;
  int rank_ = 0;
};

}  // namespace limelight::actors
