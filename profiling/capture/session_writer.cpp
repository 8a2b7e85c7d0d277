#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <limelight/span.hpp>
#include <set>

#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/memory_snapshot.hpp"
#include "profiling/capture/profiler_cost.hpp"
#include "profiling/capture/session_state.hpp"
#include "profiling/record/event_names.hpp"
#include "profiling/record/memory_sampler.hpp"
#include "profiling/record/nvtx_marks.hpp"
#include "profiling/record/registry.hpp"

namespace limelight::profiling {

namespace {
constexpr std::size_t busy_records = 4096;
// A kill loses at most what was recorded in this time, plus one sleep of the writer.
constexpr auto member_interval = std::chrono::milliseconds(120);
constexpr auto follow_interval = std::chrono::milliseconds(500);
constexpr auto poll_interval = std::chrono::milliseconds(50);

// Where a limit of file sizes is reached (ulimit -f), a write is to fail; the kernel would end the
// process by this signal as well.
class NoSizeSignal {
 public:
  NoSizeSignal() {
    sigemptyset(&size_);
    sigaddset(&size_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &size_, &before_);
  }
  ~NoSizeSignal() {
    const timespec now{};
    if (sigismember(&before_, SIGXFSZ) == 0)
      while (sigtimedwait(&size_, nullptr, &now) > 0) {}
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSizeSignal(const NoSizeSignal&) = delete;

 private:
  sigset_t size_{}, before_{};
};
}  // namespace

const Session::State::Kind& Session::State::kind_of(NameId name) {
  if (name >= kinds.size()) kinds.resize(name + 1);
  Kind& kind = kinds[name];
  if (kind.known) return kind;
  const NameInfo& info = name_info(name);
  // Steps are recorded whatever the activities are, because readers need them.
  const bool step = info.value_kind == ValueKind::step;
  const bool annotation =
      annotations && info.activity == Activity::cpu && info.category == Category::user_annotation;
  kind = {true,
          step,
          info.value_kind == ValueKind::counter,
          info.activity == Activity::memory,
          info.name == event_names::step_phase,
          step || annotation || (activities & static_cast<unsigned>(info.activity)) != 0};
  return kind;
}

// Returns whether the record matches the activities and the request of the options.
bool Session::State::chosen(const Record& record) {
  const Kind& kind = kind_of(record.name);
  if (!kind.chosen) return false;
  if (kind.memory || options.profile.request_id.empty()) return true;
  if (record.request == 0 || record.request == other_request) return false;
  if (record.request == wanted_request) return true;
  const bool is_it = detail::request_names().find(record.request) == options.profile.request_id;
  (is_it ? wanted_request : other_request) = record.request;
  return is_it;
}

bool Session::State::limit_reached() {
  const std::uint64_t most = options.profile.bytes;
  // Where the disk is full, nothing more can be kept.
  if (file->full() || (most != 0 && file->written() >= most))
    last_ticks = end_ticks = std::min(end_ticks, ticks());
  return ticks() >= last_ticks;
}

// A step has ended: begins or ends a file, or the session, if it is time.
void Session::State::count_step(const Record& step) {
  const StepSchedule::Deed deed = schedule.step();
  if (deed == StepSchedule::Deed::open) begin_ticks = file->begin_ticks = step.end;
  if (deed == StepSchedule::Deed::close || deed == StepSchedule::Deed::end)
    end_ticks = std::min(end_ticks, step.end);
  closed = deed == StepSchedule::Deed::close;
  if (deed == StepSchedule::Deed::end) last_ticks = end_ticks;
}

void Session::State::write_record(const Record& record,
                                  ThreadTotals& thread_totals,
                                  int thread_id) {
  if (closed) {
    deferred.push_back({record, thread_id});
    return;
  }
  if (phase.active()) {
    const Kind& kind = kind_of(record.name);
    if (kind.phase) return phase.announce(thread_id, record);
    if (!kind.memory && !phase.chosen(thread_id, record, kind.step)) return;
  }
  if (record.begin < started_ticks || record.begin >= last_ticks || !chosen(record)) return;
  const bool in_file = record.begin >= begin_ticks && record.begin < end_ticks;
  // The record of a step comes after the records of the spans in it, so the last step is complete.
  if (kind_of(record.name).step) count_step(record);
  if (!in_file) return;
  const std::int64_t begin = clock.to_realtime_ns(record.begin) - options.base_ns;
  const std::int64_t end = clock.to_realtime_ns(record.end) - options.base_ns;
  const auto duration = static_cast<std::uint64_t>(end - begin);
  if (kind_of(record.name).counter) {
    file->text->event(record, begin, duration, thread_id, 0);
    file->flush_if_large();
    return;
  }
  const std::uint64_t children = std::exchange(thread_totals.inside[record.depth + 1], 0);
  thread_totals.inside[record.depth] += duration;

  if (record.name >= totals.size()) totals.resize(record.name + 1);
  OpTotal& total = totals[record.name];
  ++total.calls;
  total.total_ns += duration;
  total.self_ns += duration - std::min(children, duration);
  ++file->report.events;
  file->text->event(record, begin, duration, thread_id, record.begin - begin_ticks);
  file->flush_if_large();
}

std::size_t Session::State::drain() {
  const std::lock_guard lock(detail::registry().drain_mutex);
  detail::FlightKeeper keeper;
  int last_id = 0;
  ThreadTotals* last = nullptr;
  return detail::drain_rings([&](const Record& record, int thread_id) {
    keeper.keep(record, thread_id);
    if (last == nullptr || thread_id != last_id) last = &threads[last_id = thread_id];
    write_record(record, *last, thread_id);
  });
}

void Session::State::poll_device() {
  if (options.source == nullptr || known.gpu != "recorded") return;
  const std::int64_t began = begin_ticks == never ? 0 : clock.to_realtime_ns(begin_ticks);
  options.source->poll([&](const DeviceActivity& activity) {
    if (begin_ticks == never || activity.end_ns < began) return;  // from before this file
    if (activity.external != 0 && !phase.launch_chosen(activity.external)) return;
    DeviceActivity mine = activity;
    mine.begin_ns = std::max<std::int64_t>(activity.begin_ns - options.base_ns, 0);
    mine.end_ns = std::max(activity.end_ns - options.base_ns, mine.begin_ns);
    if (mine.external != 0) mine.external -= begin_ticks;
    ++file->report.events;
    file->text->device(mine);
    file->flush_if_large();
  });
}

// Does what is due at intervals: adjusts the clock, polls the device, and ends a member, so that it
// survives a kill.
void Session::State::keep_up() {
  const auto now = std::chrono::steady_clock::now();
  if (now - followed > follow_interval) {
    clock.follow();
    followed = now;
  }
  if (now - polled > poll_interval) {
    poll_device();
    polled = now;
  }
  if (memory_ledger().failures() != failures_seen) snapshot_failures();
  if (stacks != nullptr && now - threads_followed > poll_interval) {
    stacks->follow_threads();
    poll_stacks();
    threads_followed = now;
  }
  if (now - member_begun > member_interval) {
    if (file->begun()) file->end_member();
    member_begun = now;
  }
}

void Session::State::poll_stacks() {
  StackSampler::drain([&](const StackSample& sample) {
    if (sample.ticks < begin_ticks || sample.ticks >= end_ticks) return;
    if (!options.profile.request_id.empty() &&
        detail::request_names().find(sample.request) != options.profile.request_id)
      return;
    std::uint32_t node = StackTree::root;
    for (std::size_t i = sample.callers.size(); i-- > 0;)
      node = file->stacks.callee(node, stacks->function_at(sample.callers[i]).name);
    file->stacks.count(sample.thread_id, node);
    ++file->report.stacks.samples;
    file->text->stack(sample.thread_id, clock.to_realtime_ns(sample.ticks) - options.base_ns, node);
    file->flush_if_large();
  });
}

// What the file's report says of them.
void Session::State::finish_stacks() {
  poll_stacks();
  StackUse& use = file->report.stacks;
  const StackUse all{.samples = 0,
                     .drops = stacks->drops(),
                     .handler_ns = static_cast<std::uint64_t>(
                         ticks_to_ns(static_cast<std::int64_t>(stacks->handler_ticks()))),
                     .trigger = stacks->trigger()};
  use.drops = all.drops - stacks_before.drops;
  use.handler_ns = all.handler_ns - stacks_before.handler_ns;
  use.trigger = all.trigger;
  stacks_before = all;
}

// Before the file has its name, since who lacks memory may not live to its end.
void Session::State::snapshot_failures() {
  failures_seen = memory_ledger().failures();
  if (begin_ticks != never)
    write_memory_snapshot(begin_ticks, clock, options.base_ns, file->report);
}

// The next file of the session. It is made once there is something to write.
void Session::State::begin_file() {
  if (options.profile.active_steps != 0 && options.profile.repeat != 1)
    options.timestamp = timestamp + "-repeat" + std::to_string(finished.size() + 1);
  file.emplace(options, known);
  file->begin_ticks = begin_ticks == never ? started_ticks : begin_ticks;
  drops_before = detail::ring_drops();
}

// Goes on behind the step that closed the file, with what was drained after it.
void Session::State::next_file() {
  end_file(false);
  closed = false;
  begin_ticks = schedule.opens_at_once() ? end_ticks : never;
  end_ticks = last_ticks;
  begin_file();
  for (const Deferred& later : std::exchange(deferred, {}))
    write_record(later.record, threads[later.thread_id], later.thread_id);
}

void Session::State::launch(std::chrono::milliseconds first) {
  thread = std::thread([this, first] {
    // With SCHED_BATCH the writer does not preempt another thread when it wakes up.
    const sched_param no_priority{};
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &no_priority);
    pthread_setname_np(pthread_self(), "trace-writer");
    run(first);
  });
}

void Session::State::run(std::chrono::milliseconds interval) {
  const NoSizeSignal no_signal;
  cpu_before = thread_cpu_ns();
  if (stacks != nullptr) stacks->follow_threads();
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, interval, [&] { return stopping; });
      last = stopping;
    }
    if (!file->begun() && begin_ticks != never) file->begin();
    const std::size_t records = drain();
    while (closed && status) next_file();
    interval = records > busy_records ? busy_interval : std::min(interval * 2, calm_interval);
    if (!last) keep_up();
    if (!last && limit_reached()) {
      detail::stop_recording();
      drain();
      last = true;
    }
    if (!status) detail::stop_recording();
    last = last || !status;
  }
  {
    const std::lock_guard lock(detail::registry().drain_mutex);
    detail::registry().session_drains = false;
  }
  if (!status && options.source != nullptr && known.gpu == "recorded") options.source->stop();
  if (records_memory()) options.memory->stop();  // where it ends at a limit
  if (!status) stacks.reset();
  detail::recording_phases.store(false, std::memory_order_relaxed);
  if (options.profile.nvtx) stop_nvtx();
  // A file whose first step never came is none, but for the first.
  if (status && (begin_ticks != never || finished.empty())) end_file(true);
  ended = true;
}

// Completes the file and its report. is_last: no other follows.
void Session::State::end_file(bool is_last) {
  RankTrace& report = file->report;
  if (options.source != nullptr && known.gpu == "recorded") {
    if (is_last) options.source->stop();
    poll_device();
    const ActivityLosses losses = options.source->losses();
    report.device_drops = losses.dropped - losses_before.dropped;
    report.zero_time_records = losses.zero_time - losses_before.zero_time;
    report.unknown_records = losses.unknown - losses_before.unknown;
    losses_before = losses;
  }
  const std::uint64_t cpu = thread_cpu_ns();
  report.unmatched_correlations = file->text->unmatched();
  report.ring_drops = detail::ring_drops() - drops_before;
  report.drops = report.ring_drops + report.device_drops;
  if (begin_ticks != never)
    report.session_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(
        clock.to_realtime_ns(std::min(ticks(), end_ticks)) - clock.to_realtime_ns(begin_ticks), 0));
  else report.note = "the steps that recording was to wait for did not come";
  if (stacks != nullptr) finish_stacks();
  if (records_memory()) report.memory = options.memory->take_use();
  snapshot_failures();
  report.clock_error_ns = clock.error_ns();
  report.host_clock_offset_ns = host_clock().offset_ns;
  report.host_clock_error_ns = host_clock().error_ns;
  report.profiler_cpu_ns = cpu - std::exchange(cpu_before, cpu);
  status = file->finish(names_of_threads());
  if (is_last) stacks.reset();
  if (status) finished.push_back(report);
}

// Of those that named themselves, and of those that recorded without: what the kernel calls them.
std::vector<std::pair<int, std::string>> Session::State::names_of_threads() const {
  auto names = detail::thread_names();
  std::set<int> named;
  for (const auto& [thread, name] : names) named.insert(thread);
  for (const auto& [thread, totals_of_it] : threads) {
    std::string name;
    if (!named.contains(thread))
      std::getline(std::ifstream("/proc/self/task/" + std::to_string(thread) + "/comm"), name);
    if (!name.empty()) names.emplace_back(thread, std::move(name));
  }
  return names;
}

}  // namespace limelight::profiling
