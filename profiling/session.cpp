#include "profiling/session.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "profiling/gzip_file.hpp"
#include "profiling/registry.hpp"
#include "profiling/span.hpp"
#include "profiling/trace_text.hpp"

namespace limelight::profiling {

namespace {
std::atomic<bool> session_runs{false};
constexpr auto drain_interval = std::chrono::milliseconds(5);
constexpr std::size_t flush_at = 128 * 1024;

std::uint64_t thread_cpu_ns() {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(used.tv_nsec);
}
}  // namespace

struct Session::State {
  State(SessionOptions opts, GzipFile out) : options(std::move(opts)), file(std::move(out)), text(options) {}

  SessionOptions options;
  GzipFile file;
  TraceText text;
  ClockMap clock = ClockMap::calibrate();
  std::uint64_t begin_ticks = ticks();
  std::uint64_t drops_before = 0;
  SessionReport report;
  Result<void> status;  // the first failure of the writing thread; it keeps draining so that nobody else notices

  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  bool stopped = false;
  std::thread thread;

  // Time spent inside finished spans, by depth, not yet taken off their parent: parents end after their children.
  struct ThreadTotals {
    std::array<std::uint64_t, 257> inside{};
  };
  std::map<int, ThreadTotals> threads;
  std::map<NameId, OpTotal> totals;

  void run();
  void drain();
  void take(const Record& record, ThreadTotals& thread_totals, int thread_id);
  void flush();
  static std::uint64_t all_drops();
};

std::uint64_t Session::State::all_drops() {
  detail::Registry& all = detail::registry();
  const std::lock_guard lock(all.mutex);
  std::uint64_t sum = all.drops_of_freed_rings;
  for (const auto& ring : all.rings) sum += ring->drops();
  return sum;
}

void Session::State::take(const Record& record, ThreadTotals& thread_totals, int thread_id) {
  if (record.begin < begin_ticks) return;  // left over from before this session
  const std::int64_t begin = clock.to_realtime_ns(record.begin) - options.base_ns;
  const std::int64_t end = clock.to_realtime_ns(record.end) - options.base_ns;
  const auto duration = static_cast<std::uint64_t>(end - begin);
  const std::uint64_t children = std::exchange(thread_totals.inside[record.depth + 1], 0);
  thread_totals.inside[record.depth] += duration;

  OpTotal& total = totals[record.name];
  ++total.calls;
  total.total_ns += duration;
  total.self_ns += duration - std::min(children, duration);
  ++report.events;
  text.event(record, begin, duration, thread_id);
  if (text.size() >= flush_at) flush();
}

void Session::State::flush() {
  if (status) status = file.write(text.view());
  text.clear();
}

void Session::State::drain() {
  detail::Registry& all = detail::registry();
  std::vector<Ring*> rings;
  {
    const std::lock_guard lock(all.mutex);
    for (const auto& ring : all.rings) rings.push_back(ring.get());
  }
  for (Ring* ring : rings) {
    const bool abandoned = ring->abandoned.load(std::memory_order_acquire);
    ThreadTotals& thread_totals = threads[ring->thread_id()];
    ring->drain([&](const Record& record) { take(record, thread_totals, ring->thread_id()); });
    if (!abandoned) continue;
    const std::lock_guard lock(all.mutex);
    all.drops_of_freed_rings += ring->drops();
    std::erase_if(all.rings, [&](const auto& r) { return r.get() == ring; });
  }
}

void Session::State::run() {
  const std::uint64_t cpu_before = thread_cpu_ns();
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, drain_interval, [&] { return stopping; });
      last = stopping;
    }
    drain();
  }
  report.drops = all_drops() - drops_before;
  report.clock_error_ns = clock.error_ns();
  report.profiler_cpu_ns = thread_cpu_ns() - cpu_before;
  std::vector<std::pair<int, std::string>> names;
  {
    detail::Registry& all = detail::registry();
    const std::lock_guard lock(all.mutex);
    names = all.thread_names;
  }
  text.end(report, names, file.path().filename().string());
  flush();
  if (!status) return;
  auto bytes = file.finish();
  if (bytes) report.bytes = *bytes;
  else status = bytes.error();
}

Result<std::unique_ptr<Session>> Session::start(SessionOptions options) {
  if (session_runs.exchange(true)) return Error{ErrorCode::busy, "a trace session is already running in this process"};
  std::error_code failed;
  std::filesystem::create_directories(options.directory, failed);
  if (failed) {
    session_runs = false;
    return Error{ErrorCode::io, options.directory.string() + ": cannot make the trace directory: " + failed.message()};
  }
  auto file = GzipFile::create(options.directory / trace_file_name(options));
  if (!file) {
    session_runs = false;
    return file.error();
  }
  auto state = std::make_unique<State>(std::move(options), std::move(file).value());
  state->report.file = state->file.path();
  state->drops_before = State::all_drops();
  state->text.begin(clock_source());
  State* raw = state.get();
  state->thread = std::thread([raw] { raw->run(); });
  detail::recording.store(true, std::memory_order_relaxed);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<SessionReport> Session::stop() {
  State& s = *state_;
  if (s.stopped) return Error{ErrorCode::invalid_argument, "the trace session was stopped before"};
  s.stopped = true;
  detail::recording.store(false, std::memory_order_relaxed);
  {
    const std::lock_guard lock(s.mutex);
    s.stopping = true;
  }
  s.wake.notify_one();
  s.thread.join();
  session_runs = false;
  if (!s.status) return s.status.error();
  for (auto& [name, total] : s.totals) {
    total.name = name_info(name).name;
    s.report.ops.push_back(total);
  }
  std::sort(s.report.ops.begin(), s.report.ops.end(), [](const OpTotal& a, const OpTotal& b) { return a.self_ns > b.self_ns; });
  return s.report;
}

const std::filesystem::path& Session::file() const noexcept { return state_->report.file; }

Session::~Session() {
  if (!state_->stopped) (void)stop();
}

std::string trace_file_name(const SessionOptions& options) {
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  return options.timestamp + "-rank-" + std::to_string(options.rank) + "." + host + "_" + std::to_string(getpid()) + "_stage" +
         std::to_string(options.stage_id) + "-" + options.stage_name + ".pt.trace.json.gz";
}

}  // namespace limelight::profiling
