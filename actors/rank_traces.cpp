#include "actors/rank_traces.hpp"

#include "actors/rank_worker.hpp"
#include "profiling/flight_recorder.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;

RankTraces::RankTraces(RankWorker& worker, int rank, int world_size, std::filesystem::path flight)
    : worker_(worker),
      rank_(rank),
      world_size_(world_size),
      flight_(std::move(flight)),
      finished_(blank()) {
  stages::Device& device = worker_.device();
  if (device.is_host()) return;
  auto source = prof::make_cupti_source({{}, [&device] { device.synchronise(); }});
  if (source) source_ = std::move(source).value();
  else no_source_ = source.error().message;
  if (source_) source_->attach();
}

TraceAnswer RankTraces::blank() const {
  TraceAnswer answer;
  answer.rank = rank_;
  answer.stage = worker_.stage_id();
  return answer;
}

TraceAnswer RankTraces::failed(const Error& error) const {
  TraceAnswer answer = blank();
  answer.error_code = static_cast<std::int32_t>(error.code);
  answer.error = error.message;
  return answer;
}

TraceAnswer RankTraces::done(const prof::SessionReport& report) const {
  TraceAnswer answer = blank();
  answer.note = report.note;
  answer.file = report.file;
  answer.events = report.events;
  answer.drops = report.drops;
  answer.bytes = report.bytes;
  answer.clock_error_ns = report.clock_error_ns;
  answer.begin_skew_ns = report.begin_skew_ns;
  answer.overhead_percent = report.overhead_percent();
  answer.profiler_cpu_ns = report.profiler_cpu_ns;
  for (const prof::OpTotal& op : report.ops)
    answer.ops.push_back({op.name, op.calls, op.total_ns, op.self_ns});
  return answer;
}

TraceAnswer RankTraces::start(const StartTrace& m) {
  TraceAnswer answer = blank();
  if (session_) {
    answer.note = "was already running";
    answer.file = session_->file();
    return answer;
  }
  auto session = prof::Session::start({m.directory,
                                       m.timestamp,
                                       rank_,
                                       world_size_,
                                       worker_.stage_id(),
                                       worker_.stage_name(),
                                       m.base_ns,
                                       source_.get(),
                                       worker_.device().properties(),
                                       m.prefix,
                                       {m.limits.start_at_ns, m.limits.steps, m.limits.milliseconds,
                                        m.limits.bytes, m.limits.request, m.limits.activities},
                                       m.format});
  if (!session) return failed(session.error());
  session_ = std::move(session).value();
  answer.note = no_source_;  // the host's operations are worth a trace all the same
  answer.file = session_->file();
  return answer;
}

TraceAnswer RankTraces::stop(const StopTrace& m) {
  if (!session_) {
    TraceAnswer answer = finished_;
    answer.note = "was not running";
    return answer;
  }
  const auto report = session_->stop();
  session_.reset();
  if (m.discard) {
    std::error_code ignored;
    if (report) std::filesystem::remove(report->file, ignored);
    return report ? blank() : failed(report.error());
  }
  return finished_ = report ? done(*report) : failed(report.error());
}

TraceAnswer RankTraces::dump(const DumpTrace& m) {
  const auto report = prof::dump_flight_recorder({m.directory,
                                                  m.timestamp,
                                                  rank_,
                                                  world_size_,
                                                  worker_.stage_id(),
                                                  worker_.stage_name(),
                                                  m.base_ns,
                                                  nullptr,
                                                  {},
                                                  "flight",
                                                  {}},
                                                 std::chrono::milliseconds(m.last_ms));
  return report ? done(*report) : failed(report.error());
}

TraceAnswer RankTraces::set_flight(const SetFlight& m) {
  prof::disable_flight_recorder();
  if (m.keep_ms > 0)
    prof::enable_flight_recorder({.keep = std::chrono::milliseconds(m.keep_ms), .file = flight_});
  return blank();
}

}  // namespace limelight::actors
