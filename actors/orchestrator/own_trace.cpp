#include "actors/orchestrator/own_trace.hpp"

#include <filesystem>

namespace limelight::actors {

RankTrace OwnTrace::start(const StartProfile& request, int world_size) {
  const std::lock_guard lock(mutex_);
  rank_ = world_size;
  RankTrace own{.rank = rank_, .stage_id = -1, .note = "was already running"};
  if (!session_) {
    const TraceLimits& l = request.limits;
    std::error_code failed;
    auto session =
        profiling::Session::start({std::filesystem::absolute(request.directory, failed),
                                   request.timestamp,
                                   rank_,
                                   world_size,
                                   -1,
                                   "orchestrator",
                                   request.base_ns,
                                   nullptr,
                                   {},
                                   request.prefix,
                                   {0, 0, l.milliseconds, l.bytes, l.request, l.activities},
                                   request.format});
    if (session) session_ = std::move(session).value();
    own.note = session ? "" : session.error().message;
    if (!session) own.error = session.error();
  }
  if (session_) own.file = session_->file();
  return own;
}

std::optional<RankTrace> OwnTrace::stop() {
  const std::lock_guard lock(mutex_);
  if (!session_) return std::nullopt;
  const auto report = session_->stop();
  session_.reset();
  if (!report)
    return RankTrace{
        .rank = rank_, .stage_id = -1, .note = report.error().message, .error = report.error()};
  return RankTrace{.rank = rank_,
                   .stage_id = -1,
                   .file = report->file,
                   .events = report->events,
                   .drops = report->drops,
                   .bytes = report->bytes,
                   .begin_skew_ns = report->begin_skew_ns,
                   .overhead_percent = report->overhead_percent()};
}

}  // namespace limelight::actors
