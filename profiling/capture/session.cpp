#include "profiling/capture/session.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <limelight/span.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/profiler_cost.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/registry.hpp"
#include "profiling/trace/member_file.hpp"
#include "profiling/trace/trace_information.hpp"
#include "profiling/trace/trace_writer.hpp"

namespace limelight::profiling {

namespace {
std::atomic<bool> session_runs{false};
// How long the writer sleeps between two drains: long while little is recorded, because each
// wake-up takes time from the recording threads, and short while rings fill up.
constexpr auto calm_interval = std::chrono::milliseconds(60),
               busy_interval = std::chrono::milliseconds(1);
// The first sleep. It delays the writer so that it does not compete with the answers of this and
// the other ranks to start_profile. With a flight recorder it is not needed: the recorder starts
// the writer after the same delay.
constexpr auto first_interval = std::chrono::milliseconds(4);
constexpr std::size_t busy_records = 4096;
constexpr std::size_t flush_at = 16 * 1024;  // small enough to stay in a cache
// A kill loses at most what was recorded in this time, plus one sleep of the writer.
constexpr auto member_interval = std::chrono::milliseconds(120);
constexpr auto follow_interval = std::chrono::milliseconds(500);
constexpr auto poll_interval = std::chrono::milliseconds(50);
constexpr std::size_t most_members = 64;  // whose ends are remembered, for a disk that gets full

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

struct Session::State {
  explicit State(SessionOptions opts)
      : options(std::move(opts)),
        path(options.directory / trace_file_name(options)),
        text(options) {}

  SessionOptions options;
  unsigned activities = all_activities;
  std::filesystem::path path;
  std::optional<MemberFile> file;  // the writer makes it
  TraceWriter text;
  ClockMap clock = ClockMap::calibrate();
  std::uint64_t begin_ticks = ticks();
  std::uint64_t end_ticks = ~std::uint64_t{0};  // records that begin later are left out
  std::uint64_t steps = 0;
  struct Kind {
    bool known = false, step = false, counter = false, chosen = false;
  };
  std::vector<Kind> kinds;  // by NameId
  std::uint32_t wanted_request = 0,
                other_request = 0;  // the last numbers whose names were looked up
  std::uint64_t drops_before = 0;
  std::chrono::steady_clock::time_point member_begun = std::chrono::steady_clock::now(),
                                        followed = member_begun, polled = member_begun;
  RankTrace report;
  struct Member {
    std::uint64_t file_bytes = 0, events = 0;  // with all before it
    std::int64_t at_ns = 0;                    // since recording began
  };
  std::vector<Member> members;  // the first, and the last ones
  // The first error of the writer. It continues to drain after an error, so that rings do not fill.
  Result<void> status;

  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  bool stopped = false;
  std::atomic<bool> ended{false};  // the writer is done
  std::thread thread;

  // The time of finished spans, by depth, that is not yet subtracted from the self time of their
  // parent. (A parent ends after its children.)
  struct ThreadTotals {
    std::array<std::uint64_t, 257> inside{};
  };
  std::map<int, ThreadTotals> threads;
  std::vector<OpTotal> totals;  // by NameId

  void launch(std::chrono::milliseconds first);
  void run(std::chrono::milliseconds first);
  std::size_t drain();
  void write_record(const Record& record, ThreadTotals& thread_totals, int thread_id);
  bool wanted(const Record& record);
  const Kind& kind_of(NameId name);
  bool limit_reached();
  void poll_device();
  void keep_up();
  void begin_file();
  void flush();
  void note_member();
  std::vector<std::pair<int, std::string>> names_of_threads() const;
  void finish_file();
};

const Session::State::Kind& Session::State::kind_of(NameId name) {
  if (name >= kinds.size()) kinds.resize(name + 1);
  Kind& kind = kinds[name];
  if (kind.known) return kind;
  const NameInfo& info = name_info(name);
  // Steps are recorded whatever the activities are, because readers need them.
  const bool step = info.value_kind == ValueKind::step;
  kind = {true, step, info.value_kind == ValueKind::counter,
          step || (activities & static_cast<unsigned>(info.activity)) != 0};
  return kind;
}

// Returns whether the record began within the session and matches the activities and the request of
// the options.
bool Session::State::wanted(const Record& record) {
  if (record.begin < begin_ticks || record.begin >= end_ticks || !kind_of(record.name).chosen)
    return false;
  if (options.profile.request_id.empty()) return true;
  if (record.request == 0 || record.request == other_request) return false;
  if (record.request == wanted_request) return true;
  const bool is_it = detail::request_names().find(record.request) == options.profile.request_id;
  (is_it ? wanted_request : other_request) = record.request;
  return is_it;
}

bool Session::State::limit_reached() {
  const std::uint64_t most = options.profile.bytes;
  // Where the disk is full, nothing more can be kept.
  if (file && (file->full() || (most != 0 && file->written() >= most)))
    end_ticks = std::min(end_ticks, ticks());
  return ticks() >= end_ticks;
}

void Session::State::write_record(const Record& record,
                                  ThreadTotals& thread_totals,
                                  int thread_id) {
  if (!wanted(record)) return;
  // The record of a step comes after the records of the spans in it, so the last step is complete.
  if (options.profile.steps != 0 && kind_of(record.name).step && ++steps == options.profile.steps)
    end_ticks = std::min(end_ticks, record.end);
  const std::int64_t begin = clock.to_realtime_ns(record.begin) - options.base_ns;
  const std::int64_t end = clock.to_realtime_ns(record.end) - options.base_ns;
  const auto duration = static_cast<std::uint64_t>(end - begin);
  if (kind_of(record.name).counter) {
    text.event(record, begin, duration, thread_id, 0);
    if (text.size() >= flush_at) flush();
    return;
  }
  const std::uint64_t children = std::exchange(thread_totals.inside[record.depth + 1], 0);
  thread_totals.inside[record.depth] += duration;

  if (record.name >= totals.size()) totals.resize(record.name + 1);
  OpTotal& total = totals[record.name];
  ++total.calls;
  total.total_ns += duration;
  total.self_ns += duration - std::min(children, duration);
  ++report.events;
  text.event(record, begin, duration, thread_id, record.begin - begin_ticks);
  if (text.size() >= flush_at) flush();
}

void Session::State::flush() {
  if (status) status = file->write(text.view());
  text.clear();
  note_member();
}

// Remembers where the last member ended, if it is a new one.
void Session::State::note_member() {
  if (!status || file->written() == (members.empty() ? 0 : members.back().file_bytes)) return;
  // The first, with the head of the trace, stays.
  if (members.size() == most_members) members.erase(members.begin() + 1);
  members.push_back({.file_bytes = file->written(),
                     .events = report.events,
                     .at_ns = clock.to_realtime_ns(ticks()) - clock.to_realtime_ns(begin_ticks)});
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
  if (options.source == nullptr || report.gpu != "recorded") return;
  const std::int64_t began = clock.to_realtime_ns(begin_ticks);
  options.source->poll([&](const DeviceActivity& activity) {
    if (activity.end_ns < began) return;  // from before this session
    DeviceActivity mine = activity;
    mine.begin_ns = std::max<std::int64_t>(activity.begin_ns - options.base_ns, 0);
    mine.end_ns = std::max(activity.end_ns - options.base_ns, mine.begin_ns);
    if (mine.external != 0) mine.external -= begin_ticks;
    ++report.events;
    text.device(mine);
    if (text.size() >= flush_at) flush();
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
  if (now - member_begun > member_interval) {
    flush();
    if (status) status = file->end_member();
    note_member();
    member_begun = now;
  }
}

// Makes the file and writes the head of the trace as its first member. From then on a killed
// process leaves a file that can be recovered.
void Session::State::begin_file() {
  auto made = MemberFile::create(path, Existing::keep);
  if (!made) {
    status = made.error();
    return;
  }
  file.emplace(std::move(made).value());
  flush();
  if (status) status = file->end_member();
  note_member();
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
  const std::uint64_t cpu_before = thread_cpu_ns();
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, interval, [&] { return stopping; });
      last = stopping;
    }
    if (!file && status) begin_file();
    const std::size_t records = drain();
    interval = records > busy_records ? busy_interval : std::min(interval * 2, calm_interval);
    if (!last) keep_up();
    if (!last && limit_reached()) {
      detail::stop_recording();
      drain();
      last = true;
    }
  }
  if (options.source != nullptr && report.gpu == "recorded") {
    options.source->stop();
    poll_device();
    const ActivityLosses losses = options.source->losses();
    report.device_drops = losses.dropped;
    report.zero_time_records = losses.zero_time;
    report.unknown_records = losses.unknown;
  }
  report.unmatched_correlations = text.unmatched();
  report.ring_drops = detail::ring_drops() - drops_before;
  report.drops = report.ring_drops + report.device_drops;
  report.session_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(
      clock.to_realtime_ns(std::min(ticks(), end_ticks)) - clock.to_realtime_ns(begin_ticks), 0));
  report.clock_error_ns = clock.error_ns();
  report.profiler_cpu_ns = thread_cpu_ns() - cpu_before;
  {
    const std::lock_guard lock(detail::registry().drain_mutex);
    detail::registry().session_drains = false;
  }
  finish_file();
  ended = true;
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

// Writes the end of the trace. Where the disk is full, the end takes the place of the last members,
// of as many as it needs.
void Session::State::finish_file() {
  const auto finish = [this] {
    text.end(report, names_of_threads(), file->path().filename().string());
    flush();
    if (!status) return;
    if (auto bytes = file->finish()) report.bytes = *bytes;
    else status = bytes.error();
    report.file = file->path();
  };
  if (status && file) finish();
  if (status || !file || !file->full()) return;
  const std::uint64_t all = report.events, drops = report.drops;
  const std::string why = status.error().message;
  while (!status && file->full() && !members.empty()) {
    const Member last = members.back();
    members.pop_back();
    text.clear();
    const Result<void> cut = file->cut_to(last.file_bytes);
    if (!cut) return;
    status = {};
    report.events = last.events;
    report.drops = drops + (all - last.events);
    char ms[32];
    std::snprintf(ms, sizeof ms, "%.3f", static_cast<double>(last.at_ns) / 1e6);
    report.truncated = std::string("after ").append(ms).append(" ms: ").append(why);
    finish();
  }
}

Result<std::unique_ptr<Session>> Session::start(SessionOptions options) {
  const ProfileOptions& profile = options.profile;
  const bool plain = std::all_of(profile.prefix.begin(), profile.prefix.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  if (!plain)
    return Error{ErrorCode::invalid_argument,
                 "prefix: found '" + profile.prefix + "', expected letters, digits, _ and - only"};
  if (profile.format != "json.gz" && profile.format != "json.zst")
    return Error{ErrorCode::invalid_argument,
                 "format: found '" + profile.format + "', expected json.gz or json.zst"};
  if (const std::int64_t late = profile.start_at_ns == 0 ? 0 : realtime_ns() - profile.start_at_ns;
      late > 0)
    return Error{ErrorCode::late,
                 "the start time passed " + std::to_string(late / 1000) + " us ago"};
  const auto activities = parse_activities(profile.activities);
  if (!activities) return activities.error();
  if (session_runs.exchange(true))
    return Error{ErrorCode::busy, "a trace session is already running in this process"};
  if (const auto ready = prepare_folder(options); !ready) {
    session_runs = false;
    return ready.error();
  }
  auto state = std::make_unique<State>(std::move(options));
  state->activities = *activities;
  state->report.rank = state->options.rank;
  state->report.stage_id = state->options.stage_id;
  state->report.replica = state->options.replica;
  state->report.file = state->path;
  state->drops_before = detail::ring_drops();
  state->report.span_ns = span_cost_ns();
  if ((*activities & static_cast<unsigned>(Activity::gpu)) == 0 && state->options.source != nullptr)
    state->report.gpu = "not chosen";
  else if (ActivitySource* source = state->options.source; source != nullptr) {
    const auto begun = source->start();
    state->report.gpu = begun ? "recorded" : begun.error().message;
  }
  const ProfileOptions& limits = state->options.profile;
  if (limits.start_at_ns != 0)
    state->begin_ticks = std::max(state->begin_ticks, state->clock.to_ticks(limits.start_at_ns));
  state->report.begin_skew_ns = limits.start_at_ns != 0
                                    ? state->clock.to_realtime_ns(state->begin_ticks) -
                                          limits.start_at_ns + state->clock.error_ns()
                                    : state->clock.error_ns();
  if (limits.milliseconds != 0)
    state->end_ticks =
        state->clock.to_ticks(state->clock.to_realtime_ns(state->begin_ticks) +
                              static_cast<std::int64_t>(limits.milliseconds) * 1'000'000);
  state->text.begin(clock_source());
  State* raw = state.get();
  {
    const std::lock_guard lock(detail::registry().drain_mutex);
    detail::registry().session_drains = true;
  }
  detail::recording.store(true, std::memory_order_relaxed);
  // Starting a thread takes longer than all of the above, so the recorder's thread does it if there
  // is one.
  if (!detail::schedule_on_recorder_thread([raw] { raw->launch(busy_interval); }))
    raw->launch(first_interval);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<RankTrace> Session::stop() {
  State& s = *state_;
  if (s.stopped) return Error{ErrorCode::invalid_argument, "the trace session was stopped before"};
  s.stopped = true;
  detail::stop_recording();
  {
    const std::lock_guard lock(s.mutex);
    s.stopping = true;
  }
  s.wake.notify_one();
  // If the writer's thread has not been started yet, this thread writes the file.
  if (detail::cancel_scheduled()) s.run(busy_interval);
  else s.thread.join();
  session_runs = false;
  if (!s.status) return s.status.error();
  for (std::size_t name = 0; name < s.totals.size(); ++name) {
    if (s.totals[name].calls == 0) continue;
    s.totals[name].name = name_info(static_cast<NameId>(name)).name;
    s.report.ops.push_back(s.totals[name]);
  }
  std::sort(s.report.ops.begin(), s.report.ops.end(),
            [](const OpTotal& a, const OpTotal& b) { return a.self_ns > b.self_ns; });
  return s.report;
}

bool Session::ended() const noexcept { return state_->ended; }
const std::filesystem::path& Session::file() const noexcept { return state_->report.file; }

Session::~Session() {
  if (!state_->stopped) (void)stop();
}

std::uint64_t recorded_backlog() {
  detail::Registry& all = detail::registry();
  const std::lock_guard lock(all.mutex);
  std::uint64_t sum = 0;
  for (const auto& ring : all.rings) sum += ring->size();
  return sum;
}

}  // namespace limelight::profiling
