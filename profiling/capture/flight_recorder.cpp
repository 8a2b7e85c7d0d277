#include "profiling/capture/flight_recorder.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <limelight/span.hpp>
#include <memory>
#include <mutex>
#include <thread>

#include "base/try.hpp"
#include "profiling/capture/flight_memory.hpp"
#include "profiling/capture/memory_snapshot.hpp"
#include "profiling/capture/profiler_cost.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/registry.hpp"
#include "profiling/trace/member_file.hpp"
#include "profiling/trace/trace_writer.hpp"

namespace limelight::profiling {

namespace {

constexpr auto drain_interval = std::chrono::milliseconds(
    100);  // so that a ring of 32 768 records has room for 300 000 spans a second on its thread
constexpr auto soon = std::chrono::milliseconds(4);

std::mutex task_mutex;  // held while the task runs, so that cancel_scheduled() waits for its end
std::function<void()> task;
void do_task() {
  const std::lock_guard lock(task_mutex);
  if (const auto due = std::exchange(task, nullptr)) due();
}

// Drains the rings into the recorder, unless a session runs: the session's thread drains them then.
void drain() {
  const std::lock_guard lock(detail::registry().drain_mutex);
  if (detail::registry().session_drains) return;
  detail::FlightKeeper keeper;
  if (keeper.on())
    detail::drain_rings(
        [&keeper](const Record& record, int thread_id) { keeper.keep(record, thread_id); });
}

class Recorder {
 public:
  explicit Recorder(const FlightOptions& options)
      : options_(options), memory_(FlightMemory::create(options.file, options.most_records)) {
    next_drain_in(drain_interval);
    thread_ = std::thread([this] { run(); });
  }
  ~Recorder() {
    ending_ = true;
    next_drain_in(std::chrono::nanoseconds(1));
    thread_.join();
    ::close(timer_);
  }

  // Sets the timer that wakes the recorder's thread. A caller that schedules a task only sets the
  // timer, which is cheaper than waking the thread itself.
  void next_drain_in(std::chrono::nanoseconds time) noexcept {
    const itimerspec next{{0, std::chrono::nanoseconds(drain_interval).count()}, {0, time.count()}};
    ::timerfd_settime(timer_, 0, &next, nullptr);
  }

  // The memory, with all names known so far stored in it. Valid while `lock` is held.
  FlightMemory* memory(std::unique_lock<std::mutex>& lock) {
    lock = std::unique_lock(memory_mutex_);
    memory_->keep_words(drops());
    return memory_.get();
  }
  void keep_request_name(std::uint32_t request, std::string_view id) {
    const std::lock_guard lock(memory_mutex_);
    memory_->keep_request_name(request, id);
  }
  void end_request(std::uint32_t request) {
    const std::lock_guard lock(memory_mutex_);
    memory_->end_request(request);
  }
  double cpu_share() {
    const std::lock_guard lock(memory_mutex_);
    return memory_->cpu_share();
  }
  std::vector<KeptRecord> since(std::uint64_t from, bool& overwritten) {
    const std::lock_guard lock(memory_mutex_);
    return memory_->since(from, overwritten);
  }
  const FlightOptions& options() const { return options_; }
  // Records lost since the recorder was enabled. When each was lost is not known, so a dump states
  // all of them.
  std::uint64_t drops() const { return detail::ring_drops() - drops_before_; }

 private:
  void run() {
    const sched_param no_priority{};
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &no_priority);
    pthread_setname_np(pthread_self(), "flight-recorder");
    const std::uint64_t began = ticks(), cpu_before = thread_cpu_ns();
    while (!ending_) {
      std::uint64_t times = 0;
      if (::read(timer_, &times, sizeof times) < 0) std::this_thread::sleep_for(drain_interval);
      do_task();
      drain();
      const std::lock_guard lock(memory_mutex_);
      memory_->keep_cost(thread_cpu_ns() - cpu_before, began, ticks());
    }
  }

  FlightOptions options_;
  std::mutex memory_mutex_;
  std::unique_ptr<FlightMemory> memory_;
  std::uint64_t drops_before_ = detail::ring_drops();
  int timer_ = ::timerfd_create(
      CLOCK_MONOTONIC,
      TFD_CLOEXEC);  // if no descriptor is left (-1), the thread sleeps for drain_interval instead
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

// Order of locking: recorder_mutex, then alive_mutex.
std::mutex recorder_mutex;  // held to enable, disable and dump the recorder
std::mutex alive_mutex;  // held for a short time to use the recorder outside of a drain, so that it
                         // is not destroyed meanwhile
std::unique_ptr<Recorder> owned_recorder;
std::atomic<Recorder*> recorder{nullptr};

}  // namespace

bool detail::flight_enabled() noexcept {
  return recorder.load(std::memory_order_relaxed) != nullptr;
}

detail::FlightKeeper::FlightKeeper() {
  if (Recorder* there = recorder.load(std::memory_order_acquire)) memory_ = there->memory(lock_);
}

namespace {
const detail::RecordingObserver observer{
    .keeps_recording = detail::flight_enabled,
    .request_named =
        [](std::uint32_t request, std::string_view id) {
          const std::lock_guard lock(alive_mutex);
          if (owned_recorder) owned_recorder->keep_request_name(request, id);
        },
    .request_forgotten =
        [](std::uint32_t request) {
          const std::lock_guard lock(alive_mutex);
          if (owned_recorder) owned_recorder->end_request(request);
        },
};
}  // namespace

bool detail::schedule_on_recorder_thread(std::function<void()> what) {
  const std::lock_guard lock(alive_mutex);
  if (!owned_recorder) return false;
  {
    const std::lock_guard putting(task_mutex);
    task = std::move(what);
  }
  owned_recorder->next_drain_in(soon);
  return true;
}

bool detail::cancel_scheduled() {
  const std::lock_guard lock(task_mutex);
  return std::exchange(task, nullptr) != nullptr;
}

void enable_flight_recorder(const FlightOptions& options) {
  const std::lock_guard lock(recorder_mutex);
  if (owned_recorder) return;
  detail::recording_observer.store(&observer, std::memory_order_release);
  const std::lock_guard alive(alive_mutex);
  owned_recorder = std::make_unique<Recorder>(options);
  detail::request_names().for_each_open([](std::uint32_t request, std::string_view id) {
    owned_recorder->keep_request_name(request, id);
  });
  recorder = owned_recorder.get();
  detail::start_recording(detail::usual_kinds);
}

void disable_flight_recorder() {
  const std::lock_guard lock(recorder_mutex);
  recorder = nullptr;
  detail::stop_recording();
  {
    const std::lock_guard draining(detail::registry().drain_mutex);
  }  // waits for a drain that still writes to the recorder
  const std::lock_guard alive(alive_mutex);
  owned_recorder.reset();
  do_task();
}

namespace {
// Writes the trace of a dump or of a salvage. own: of this process.
Result<RankTrace> write_records(bool own,
                                SessionOptions options,
                                Words words,
                                const std::vector<KeptRecord>& records,
                                std::uint64_t from,
                                const std::vector<std::pair<int, std::string>>& threads,
                                double cpu_share,
                                RankTrace report) {
  LIMELIGHT_TRY(prepare_folder(options));
  auto file = MemberFile::create(options.directory / trace_file_name(options), Existing::keep);
  if (!file) return file.error();
  const ClockMap clock = ClockMap::calibrate();
  TraceWriter text(options, std::move(words));
  text.begin(clock_source());
  std::uint64_t first = ~std::uint64_t{0}, last = 0;
  for (const KeptRecord& kept : records) {
    const std::int64_t begin = clock.to_realtime_ns(kept.record.begin) - options.base_ns,
                       end = clock.to_realtime_ns(kept.record.end) - options.base_ns;
    if (begin < 0 || end < begin) continue;  // half written when its process ended
    first = std::min(first, kept.record.begin);
    last = std::max(last, kept.record.end);
    if (text.event(kept.record, begin, static_cast<std::uint64_t>(end - begin), kept.thread_id,
                   kept.record.begin - from))
      ++report.events;
    if (text.size() < MemberFile::member_bytes) continue;
    LIMELIGHT_TRY(file->write(text.view()));
    text.clear();
  }
  report.session_ns =
      report.events == 0
          ? 0
          : static_cast<std::uint64_t>(ticks_to_ns(static_cast<std::int64_t>(last - first)));
  report.span_ns = span_cost_ns();
  report.profiler_cpu_ns =
      static_cast<std::uint64_t>(cpu_share * static_cast<double>(report.session_ns));
  report.clock_error_ns = clock.error_ns();
  report.host_clock_offset_ns = host_clock().offset_ns;
  report.host_clock_error_ns = host_clock().error_ns;
  report.gpu = "not recorded: the flight recorder keeps the spans of the host only";
  LIMELIGHT_TRY(file->write(text.view()));
  text.clear();
  LIMELIGHT_TRY(file->end_member());  // from here on its name is known
  report.file = file->path();
  if (own) write_memory_snapshot(from, clock, options.base_ns, report);
  text.end(report, threads, file->path().filename().string());
  LIMELIGHT_TRY(file->write(text.view()));
  auto bytes = file->finish();
  if (!bytes) return bytes.error();
  report.bytes = *bytes;
  return report;
}

std::uint64_t ticks_before_now(std::chrono::nanoseconds time) {
  return ClockMap::calibrate().to_ticks(realtime_ns() - time.count());
}
}  // namespace

Result<RankTrace> dump_flight_recorder(SessionOptions options, std::chrono::milliseconds last) {
  RankTrace report{.rank = options.rank, .stage_id = options.stage_id, .replica = options.replica};
  std::uint64_t from = 0;
  double cpu_share = 0;
  std::vector<KeptRecord> records;
  {
    const std::lock_guard lock(recorder_mutex);
    if (!owned_recorder)
      return Error{ErrorCode::unavailable, "the flight recorder of this process is not enabled"};
    drain();
    const auto window = std::min(last, owned_recorder->options().keep);
    from = ticks_before_now(window);
    bool overwritten = false;
    records = owned_recorder->since(from, overwritten);
    cpu_share = owned_recorder->cpu_share();
    report.drops = report.ring_drops = owned_recorder->drops();
    report.note = "flight recorder: the last " + std::to_string(window.count()) + " ms" +
                  (overwritten ? ", without the oldest records, which were overwritten" : "");
  }
  return write_records(true, options, own_words(), records, from, detail::thread_names(), cpu_share,
                       report);
}

Result<RankTrace> salvage_flight_recorder(const std::filesystem::path& file,
                                          SessionOptions options,
                                          Owner owner) {
  auto memory = FlightMemory::open(file, owner);
  if (!memory) return memory.error();
  const FlightMemory& left = **memory;
  options.pid = left.pid();
  bool overwritten = false;
  const std::vector<KeptRecord> records = left.since(0, overwritten);
  RankTrace report{.rank = options.rank, .stage_id = options.stage_id, .replica = options.replica};
  report.drops = report.ring_drops = left.drops();
  report.note = std::string("flight recorder of a process that ") +
                (owner == Owner::gone ? "has ended" : "does not answer") +
                ": the records of its last 0.1 s are missing";
  const std::uint64_t from = records.empty() ? 0 : records.front().record.begin;
  return write_records(false, options,
                       {[&left](NameId id) { return left.name(id); },
                        [&left](std::uint32_t request) { return left.request_name(request); }},
                       records, from, left.thread_names(), left.cpu_share(), report);
}

}  // namespace limelight::profiling
