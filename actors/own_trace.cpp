#include "actors/own_trace.hpp"

#include <filesystem>

namespace limelight::actors {

RankTrace OwnTrace::start(const StartProfile& request, int world_size) {
  const std::lock_guard lock(mutex_);
  rank_ = world_size;
  RankTrace own{rank_, -1, "was already running", {}, 0, 0, 0, 0, 0};
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
  }
  if (session_) own.file = session_->file();
  return own;
}

std::optional<RankTrace> OwnTrace::stop() {
  const std::lock_guard lock(mutex_);
  if (!session_) return std::nullopt;
  const auto report = session_->stop();
  session_.reset();
  if (!report) return RankTrace{rank_, -1, report.error().message, {}, 0, 0, 0, 0, 0};
  return RankTrace{rank_,
                   -1,
                   "",
                   report->file,
                   report->events,
                   report->drops,
                   report->bytes,
                   report->begin_skew_ns,
                   report->overhead_percent()};
}

}  // namespace limelight::actors
