#include "bench/profiler.hpp"

#include <libdeflate.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limelight/span.hpp>
#include <memory>
#include <string>
#include <thread>

#include "base/scratch.hpp"
#include "base/try.hpp"
#include "bench/peer.hpp"
#include "bench/profiler_instructions.hpp"
#include "bench/profiler_pipeline.hpp"
#include "bench/time.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/record.hpp"
#include "profiling/trace/member_file.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

double ns_of(std::uint64_t ticks) { return prof::ticks_to_ns(static_cast<std::int64_t>(ticks)); }

// The names and shapes of the spans in one step of a decoder.
struct Step {
  prof::NameId step =
      prof::intern("bench step", prof::Category::user_annotation, prof::ValueKind::step);
  prof::NameId linear = prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul);
  prof::NameId norm = prof::intern("rms_norm", prof::Category::cpu_op, prof::ValueKind::dims);
  prof::NameId rope = prof::intern("rope", prof::Category::cpu_op, prof::ValueKind::dims);
  prof::NameId attention = prof::intern("attention", prof::Category::cpu_op, prof::ValueKind::dims);
  prof::NameId add = prof::intern("add", prof::Category::cpu_op, prof::ValueKind::dims);
  static constexpr std::uint64_t spans = 1 + 28 * 8;

  // Records one step. The spans contain a little work, whose length varies as that of real work
  // does.
  void record(std::uint64_t number) const {
    const prof::Span whole(step, number);
    std::uint64_t noise = number * 0x9e3779b97f4a7c15u;
    const auto op = [&](prof::NameId name, std::uint64_t dims) {
      const prof::Span span(name, dims);
      noise ^= noise >> 29;
      noise *= 0xbf58476d1ce4e5b9u;
      for (std::uint64_t i = noise >> 58; i > 0; --i) asm volatile("");
    };
    for (std::uint64_t layer = 0; layer < 28; ++layer) {
      op(norm, prof::pack_dims(1, 640));
      op(linear, prof::pack_dims(1, 640, 640));
      op(linear, prof::pack_dims(1, 128, 640));
      op(rope, prof::pack_dims(1, 20, 32));
      op(attention, prof::pack_dims(1, 20, number % 512 + 1));
      op(linear, prof::pack_dims(1, 640, 640));
      op(linear, prof::pack_dims(1, 1920, 640));
      op(add, prof::pack_dims(640));
    }
  }
};

Result<std::unique_ptr<prof::Session>> start_session(const std::filesystem::path& folder) {
  static int count = 0;
  return prof::Session::start({.directory = folder,
                               .timestamp = std::to_string(1'000'000 + ++count),
                               .rank = 0,
                               .world_size = 1,
                               .stage_id = 0,
                               .stage_name = "bench",
                               .base_ns = prof::default_base_ns()});
}

// Records about `events` spans, half a ring at a time, and waits while the writer is behind: full
// rings would drop records, and the result would show nothing.
void record_events(const Step& step, std::uint64_t events) {
  for (std::uint64_t n = 0; n * Step::spans < events; ++n) {
    step.record(n);
    while (prof::recorded_backlog() > 20'000) std::this_thread::sleep_for(200us);
  }
}

// The least that any recorder must do: two clock readings and one 32-byte store.
double floor_ns(std::vector<prof::Record>& ring, int spans) {
  const std::uint64_t start = prof::ticks();
  for (int i = 0; i < spans; ++i) {
    const std::uint64_t begin = prof::ticks();
    asm volatile("" ::: "memory");
    ring[static_cast<std::size_t>(i)] = {begin, prof::ticks(), 7, 1, 0, 0};
    asm volatile("" ::: "memory");
  }
  return ns_of(prof::ticks() - start) / spans;
}
double span_ns(prof::NameId name, int spans) {
  const std::uint64_t start = prof::ticks();
  for (int i = 0; i < spans; ++i) {
    const prof::Span span(name, 7);
    asm volatile("" ::: "memory");
  }
  return ns_of(prof::ticks() - start) / spans;
}
double loop_ns(int spans) {
  const std::uint64_t start = prof::ticks();
  for (int i = 0; i < spans; ++i) asm volatile("" ::: "memory");
  return ns_of(prof::ticks() - start) / spans;
}

Result<void> measure_spans(const std::filesystem::path& folder, std::vector<Measurement>& results) {
  constexpr int spans = 4096, turns = 101;
  const prof::NameId name = prof::intern("bench span");
  std::vector<prof::Record> ring(spans);
  std::vector<double> floor, on, off;
  for (int turn = 0; turn < turns; ++turn)
    off.push_back(std::max(0.0, span_ns(name, spans * 16) - loop_ns(spans * 16)));
  auto session = start_session(folder);
  if (!session) return session.error();
  for (int turn = 0; turn < turns; ++turn) {
    floor.push_back(floor_ns(ring, spans));
    on.push_back(span_ns(name, spans));
    std::this_thread::sleep_for(8ms);  // the writer drains the ring
  }
  LIMELIGHT_TRY((*session)->stop());
  results.push_back({"span", {}, quantile(on, 0.5), "ns", "floor", quantile(floor, 0.5)});
  if (const auto lttng = run_lttng())
    results.push_back(
        {"span", {}, quantile(on, 0.5), "ns", "LTTng-UST", lttng->value("span_ns", 0.0)});
  results.push_back({"span_off", {}, quantile(off, 0.5), "ns", "", std::nullopt});
  return {};
}

std::string text_of(const std::filesystem::path& file) {
  std::string text(std::size_t{400} << 20, '\0');
  gzFile in = gzopen(file.c_str(), "rb");
  std::size_t size = 0;
  for (int n; (n = gzread(in, text.data() + size, 1 << 20)) > 0 &&
              size + (std::size_t{2} << 20) < text.size();)
    size += static_cast<std::size_t>(n);
  gzclose(in);
  text.resize(size);
  return text;
}

// The result of a compressor alone, on text that exists already.
struct Packed {
  std::string name;
  double seconds = 0;
  std::size_t bytes = 0;
};
Packed by_zlib(const std::string& text) {
  std::vector<unsigned char> out(compressBound(text.size()) + 64);
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const auto start = Clock::now();
  deflate(&stream, Z_FINISH);
  const Packed packed{"zlib -1 alone", ms_since(start) / 1000, stream.total_out};
  deflateEnd(&stream);
  return packed;
}
// The text is divided as a session's is: into members that can be read without each other.
Packed by_libdeflate(const std::string& text, int level) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(level), libdeflate_free_compressor);
  Packed packed{"libdeflate -" + std::to_string(level) + " alone", 0, 0};
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), prof::MemberFile::member_bytes),
                  '\0');
  const auto start = Clock::now();
  for (std::size_t at = 0; at < text.size(); at += prof::MemberFile::member_bytes)
    packed.bytes += libdeflate_gzip_compress(
        compressor.get(), text.data() + at,
        std::min(text.size() - at, prof::MemberFile::member_bytes), out.data(), out.size());
  packed.seconds = ms_since(start) / 1000;
  return packed;
}

Result<void> measure_writing(const std::filesystem::path& folder,
                             bool quick,
                             std::vector<Measurement>& results) {
  auto session = start_session(folder);
  if (!session) return session.error();
  record_events(Step{}, quick ? 1'000'000 : 2'000'000);
  auto report = (*session)->stop();
  if (!report) return report.error();
  const auto events = static_cast<double>(report->events);

  const std::string text = text_of(report->file);
  const std::vector<std::pair<std::string, std::string>> params{
      {"events", std::to_string(report->events)}};
  for (const Packed& peer : {by_zlib(text), by_libdeflate(text, 1), by_libdeflate(text, 6)}) {
    results.push_back({"write_rate", params,
                       events / static_cast<double>(report->profiler_cpu_ns) * 1000, "M/s",
                       peer.name, events / peer.seconds / 1e6});
    results.push_back({"bytes_per_event", params, static_cast<double>(report->bytes) / events, "B",
                       peer.name, static_cast<double>(peer.bytes) / events});
  }
  std::filesystem::remove(report->file);
  return {};
}

// Represents a rank that works while its trace is being finished: short pieces of work with spans.
// It measures the longest time between two of them.
class Server {
 public:
  explicit Server(const Step& step)
      : thread_([this, &step] {
          std::uint64_t last = prof::ticks();
          for (std::uint64_t n = 0; !ending_; ++n) {
            if (n % 16 == 0) step.record(n);  // about as many spans as in a busy pipeline
            const std::uint64_t now = prof::ticks();
            worst_ = std::max(worst_.load(std::memory_order_relaxed), now - last);
            last = now;
            for (int i = 0; i < 2000; ++i) asm volatile("");
          }
        }) {}
  ~Server() {
    ending_ = true;
    thread_.join();
  }
  double worst_ms_since_last_call() { return ns_of(worst_.exchange(0)) / 1e6; }

 private:
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> worst_{0};
  std::thread thread_;
};

Result<void> measure_stop(const std::filesystem::path& folder,
                          bool quick,
                          std::vector<Measurement>& results) {
  const int sessions = quick ? 8 : 50;
  const Step step;
  std::vector<double> stops, stalls, undisturbed;
  for (int i = 0; i < sessions; ++i) {
    auto session = start_session(folder);
    if (!session) return session.error();
    record_events(step, 1'000'000);
    const auto start = Clock::now();
    auto report = (*session)->stop();
    stops.push_back(ms_since(start));
    if (!report) return report.error();
    std::filesystem::remove(report->file);
  }
  for (int i = 0; i < sessions; ++i) {
    auto session = start_session(folder);
    if (!session) return session.error();
    Server server(step);
    record_events(step, 100'000);
    std::this_thread::sleep_for(20ms);
    (void)server.worst_ms_since_last_call();
    std::this_thread::sleep_for(10ms);  // about as long as a stop
    undisturbed.push_back(server.worst_ms_since_last_call());
    auto report = (*session)->stop();
    stalls.push_back(server.worst_ms_since_last_call());
    if (!report) return report.error();
    std::filesystem::remove(report->file);
  }
  const std::vector<std::pair<std::string, std::string>> params{
      {"sessions", std::to_string(sessions)}};
  results.push_back({"stop",
                     {{"events", "1000000"}, {"sessions", std::to_string(sessions)}},
                     quantile(stops, 0.99),
                     "ms",
                     "",
                     std::nullopt});
  results.push_back(
      {"stall", params, quantile(stalls, 0.99), "ms", "no stop", quantile(undisturbed, 0.99)});
  return {};
}

double resident_kib(const char* key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key))
      return std::strtod(line.c_str() + std::string_view(key).size() + 1, nullptr);
  return 0;
}

struct Cost {
  double resident_mib = -1, cpu_ns_per_event = 0, stop_ms = 0, events = 0;
};
// Starts `ranks` processes that record `events` each at the same time. They are processes of their
// own so that only their costs count. Returns the worst of each cost.
Result<Cost> cost_of(const std::filesystem::path& folder, int ranks, std::uint64_t events) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return Error{ErrorCode::io, "cannot make a pipe"};
  std::fflush(nullptr);
  std::vector<pid_t> pids;
  for (int rank = 0; rank < ranks; ++rank) {
    pids.push_back(::fork());
    if (pids.back() != 0) continue;
    std::ofstream("/proc/self/clear_refs") << 5;  // resets the peak (VmHWM)
    const double before = resident_kib("VmRSS:");
    Cost cost;
    if (auto session = start_session(folder)) {
      record_events(Step{}, events);
      const auto start = Clock::now();
      if (auto report = (*session)->stop())
        cost = {(resident_kib("VmHWM:") - before) / 1024,
                static_cast<double>(report->profiler_cpu_ns) / static_cast<double>(report->events),
                ms_since(start), static_cast<double>(report->events)};
    }
    (void)!::write(pipe_ends[1], &cost, sizeof cost);
    _exit(0);
  }
  ::close(pipe_ends[1]);
  Cost worst{0, 0, 0, 0};
  bool failed = false;
  for (Cost one; ::read(pipe_ends[0], &one, sizeof one) == sizeof one;) {
    failed = failed || one.resident_mib < 0;
    worst = {std::max(worst.resident_mib, one.resident_mib),
             std::max(worst.cpu_ns_per_event, one.cpu_ns_per_event),
             std::max(worst.stop_ms, one.stop_ms), one.events};
  }
  ::close(pipe_ends[0]);
  for (const pid_t pid : pids) ::waitpid(pid, nullptr, 0);
  if (failed || worst.events == 0)
    return Error{ErrorCode::io, "a session of " + std::to_string(events) + " events failed"};
  return worst;
}

Result<void> measure_growth(const std::filesystem::path& folder,
                            bool quick,
                            std::vector<Measurement>& results) {
  const auto add = [&](int ranks, std::uint64_t events) -> Result<void> {
    const auto cost = cost_of(folder, ranks, events);
    if (!cost) return cost.error();
    const std::vector<std::pair<std::string, std::string>> params{
        {"events", std::to_string(static_cast<std::uint64_t>(cost->events))},
        {"ranks", std::to_string(ranks)}};
    results.push_back({"resident", params, cost->resident_mib, "MiB", "", std::nullopt});
    results.push_back({"growth_cpu", params, cost->cpu_ns_per_event, "ns/event", "", std::nullopt});
    results.push_back({"growth_stop", params, cost->stop_ms, "ms", "", std::nullopt});
    return {};
  };
  for (const std::uint64_t events :
       quick
           ? std::vector<std::uint64_t>{1'000, 5'000'000}
           : std::vector<std::uint64_t>{1'000, 10'000, 100'000, 1'000'000, 10'000'000, 50'000'000})
    LIMELIGHT_TRY(add(1, events));
  for (const int ranks : quick ? std::vector<int>{16} : std::vector<int>{2, 4, 8, 16})
    LIMELIGHT_TRY(add(ranks, 100'000));
  return {};
}

}  // namespace

Result<std::vector<Measurement>> bench_profiler(const ProfilerOptions& options) {
  // Traces are written to a disk, as those of users are; /tmp often is none.
  const char* asked = std::getenv("TMPDIR");
  const auto made = Scratch::make("bench", asked != nullptr ? asked : "/var/tmp");
  if (!made) return made.error();
  const Scratch& scratch = *made;
  std::vector<Measurement> results;
  const auto say = [](const char* what) { std::fprintf(stderr, "%s\n", what); };
  say("spans");
  LIMELIGHT_TRY(measure_spans(scratch.path, results));
  say("writing");
  LIMELIGHT_TRY(measure_writing(scratch.path, options.quick, results));
  say("stop");
  LIMELIGHT_TRY(measure_stop(scratch.path, options.quick, results));
  say("how cost grows");
  LIMELIGHT_TRY(measure_growth(scratch.path, options.quick, results));
  say("the pipeline: not profiled, with its flight recorders alone, profiled");
  LIMELIGHT_TRY(measure_overhead(options, scratch.path, results));
  if (options.instructions) {
    say("instructions that profiling adds to a request, by detail");
    LIMELIGHT_TRY(measure_instructions(options, scratch.path, results));
  }
  say("more detail, beside a plain profile");
  LIMELIGHT_TRY(measure_detail(options, scratch.path, results));
  // Measured after the overhead, because this process keeps the broker and the pools of the first
  // pipeline that it starts.
  say("the acknowledgement of 8 ranks");
  LIMELIGHT_TRY(measure_acknowledgement(scratch.path, options.quick, results));
  return results;
}

}  // namespace limelight::bench
