#include "actors/rank/rank_traces.hpp"

#include <algorithm>
#include <chrono>

#include "actors/rank/rank_worker.hpp"
#include "base/log.hpp"
#include "profiling/capture/flight_recorder.hpp"
#include "stages/devices/machine_peak.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;

namespace {
// A message's number may be anything; a longer time than this (30 years) is as good as all.
std::chrono::milliseconds milliseconds(std::uint64_t count) {
  return std::chrono::milliseconds(std::min<std::uint64_t>(count, 1'000'000'000'000));
}

// What the one who asked says of steps goes before what the config says.
ProfileOptions with_config(ProfileOptions options, const stages::ProfilerConfig& config) {
  const bool silent = options.delay_steps == 0 && options.steps == 0 && options.wait_steps == 0 &&
                      options.warmup_steps == 0 && options.active_steps == 0 && options.repeat == 1;
  if (silent) {
    options.delay_steps = config.delay_iterations;
    options.steps = config.max_iterations;
    options.wait_steps = config.wait_iterations;
    options.warmup_steps = config.warmup_iterations;
    options.active_steps = config.active_iterations;
    options.repeat = config.repeat;
  }
  options.record_shapes = options.record_shapes && config.record_shapes;
  options.with_flops = options.with_flops || config.with_flops;
  if (options.detail.empty()) options.detail = config.detail;
  options.with_memory = options.with_memory || config.with_memory;
  options.with_stack = options.with_stack || config.with_stack;
  return options;
}
}  // namespace

RankTraces::RankTraces(RankWorker& worker, int rank, int world_size, prof::FlightOptions flight)
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

RankTrace RankTraces::blank() const {
  return {.rank = rank_, .stage_id = worker_.stage_id(), .replica = worker_.replica()};
}

std::vector<prof::ProcessGroup> RankTraces::groups() const {
  if (worker_.group_size() == 1) return {};
  prof::ProcessGroup group{.name = "stage",  // as ipc's collectives on GPUs call it
                           .description = "ranks of stage " + std::to_string(worker_.stage_id()),
                           .backend = worker_.backend(),
                           .ranks = {}};
  const int first = rank_ - worker_.group_rank();
  for (int i = 0; i < worker_.group_size(); ++i) group.ranks.push_back(first + i);
  return {std::move(group)};
}

RankTrace RankTraces::failed(const Error& error) const {
  RankTrace answer = blank();
  answer.error = error;
  return answer;
}

RankTrace RankTraces::refused() const {
  return failed({ErrorCode::cancelled, "the orchestrator is gone, and this rank ends"});
}

void RankTraces::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (!session_) return;
  const auto report = session_->stop();
  session_.reset();
  if (report)
    log(LogLevel::warning,
        "rank " + std::to_string(rank_) +
            ": the orchestrator is gone; the trace is finished: " + report->file.string());
  else
    log(LogLevel::error,
        "rank " + std::to_string(rank_) +
            ": the orchestrator is gone, and the trace is lost: " + report.error().message);
}

// Of whom counts the operations of products the trace says what the machine can do.
std::string RankTraces::peak(const ProfileOptions& options) {
  if (!options.with_flops) return "";
  if (worker_.device().is_host()) return stages::machine_peak_json(worker_.threads());
  return R"({"not_measured": "only the peak of the host's processor is measured"})";
}

RankTrace RankTraces::start(const StartTrace& m) {
  const std::lock_guard lock(mutex_);
  if (closed_) return refused();
  RankTrace answer = blank();
  std::string before;
  if (session_ && session_->ended()) {
    const auto report = session_->stop();
    session_.reset();
    finished_ = report ? *report : failed(report.error());
    if (report) {
      answer.earlier_files = report->earlier_files;
      answer.earlier_files.push_back(report->file.string());
    }
    before = report ? "the trace before ended at its limit: " + report->file.string()
                    : "the trace before is lost: " + report.error().message;
  }
  if (session_) {
    answer.note = "was already running";
    answer.file = session_->file();
    return answer;
  }
  const ProfileOptions options = with_config(m.options, worker_.profiler());
  auto session = prof::Session::start({.directory = m.directory,
                                       .timestamp = m.timestamp,
                                       .rank = rank_,
                                       .world_size = world_size_,
                                       .stage_id = worker_.stage_id(),
                                       .replica = worker_.replica(),
                                       .num_replicas = worker_.num_replicas(),
                                       .stage_name = worker_.stage_name(),
                                       .base_ns = m.base_ns,
                                       .source = source_.get(),
                                       .memory = &worker_.memory(),
                                       .devices = worker_.device().properties(),
                                       .profile = options,
                                       .backend = worker_.backend(),
                                       .groups = groups(),
                                       .peak_json = peak(options)});
  if (!session) return failed(session.error());
  session_ = std::move(session).value();
  // The host's operations are worth a trace without those of the device.
  answer.note = before + (before.empty() || no_source_.empty() ? "" : "; ") + no_source_;
  answer.file = session_->file();
  return answer;
}

RankTrace RankTraces::stop(const StopTrace& m) {
  const std::lock_guard lock(mutex_);
  if (closed_) return refused();
  if (!session_) {
    RankTrace answer = finished_;
    answer.note = "was not running";
    return answer;
  }
  const auto report = session_->stop();
  session_.reset();
  if (m.discard) {
    std::error_code ignored;
    if (report) {
      std::filesystem::remove(report->file, ignored);
      for (const std::string& beside : {report->stacks.file, report->failed_allocations.file})
        if (!beside.empty()) std::filesystem::remove(beside, ignored);
      for (const std::string& earlier : report->earlier_files)
        std::filesystem::remove(earlier, ignored);
    }
    return report ? blank() : failed(report.error());
  }
  return finished_ = report ? *report : failed(report.error());
}

RankTrace RankTraces::dump(const DumpTrace& m) {
  const std::lock_guard lock(mutex_);
  if (closed_) return refused();
  const auto report = prof::dump_flight_recorder({.directory = m.directory,
                                                  .timestamp = m.timestamp,
                                                  .rank = rank_,
                                                  .world_size = world_size_,
                                                  .stage_id = worker_.stage_id(),
                                                  .replica = worker_.replica(),
                                                  .num_replicas = worker_.num_replicas(),
                                                  .stage_name = worker_.stage_name(),
                                                  .base_ns = m.base_ns,
                                                  .profile = {.prefix = "flight"},
                                                  .backend = worker_.backend(),
                                                  .groups = groups()},
                                                 milliseconds(m.last_ms));
  return report ? *report : failed(report.error());
}

RankTrace RankTraces::set_flight(const SetFlight& m) {
  const std::lock_guard lock(mutex_);
  if (closed_) return refused();
  prof::disable_flight_recorder();
  flight_.keep = milliseconds(m.keep_ms);
  if (m.keep_ms > 0) prof::enable_flight_recorder(flight_);
  return blank();
}

}  // namespace limelight::actors
