#include "actors/orchestrator/orchestrator_trace.hpp"

#include <filesystem>

namespace limelight::actors {

RankTrace OrchestratorTrace::start(const StartProfile& request, int world_size) {
  const std::lock_guard lock(mutex_);
  rank_ = world_size;
  RankTrace own{.rank = rank_, .stage_id = -1, .note = "was already running"};
  if (session_ && session_->ended()) {
    (void)session_->stop();  // its file is complete
    session_.reset();
  }
  if (!session_) {
    // Its steps are none of a stage's, and the ranks begin without waiting for it.
    ProfileOptions options = request.options;
    options.steps = options.delay_steps = options.wait_steps = options.warmup_steps =
        options.active_steps = 0;
    options.repeat = 1;
    options.start_at_ns = 0;
    std::error_code failed;
    auto session = profiling::Session::start(
        {.directory = std::filesystem::absolute(request.directory, failed),
         .timestamp = request.timestamp,
         .rank = rank_,
         .world_size = world_size,
         .stage_id = -1,
         .stage_name = "orchestrator",
         .base_ns = request.base_ns,
         .profile = std::move(options)});
    own.note.clear();
    if (session) session_ = std::move(session).value();
    else own.error = session.error();
  }
  if (session_) own.file = session_->file();
  return own;
}

std::optional<RankTrace> OrchestratorTrace::stop() {
  const std::lock_guard lock(mutex_);
  if (!session_) return std::nullopt;
  const auto report = session_->stop();
  session_.reset();
  if (!report) return RankTrace{.rank = rank_, .stage_id = -1, .error = report.error()};
  return *report;
}

}  // namespace limelight::actors
