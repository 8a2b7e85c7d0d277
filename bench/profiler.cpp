#include "bench/profiler.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "actors/omni.hpp"
#include "ipc/broker.hpp"
#include "profiling/session.hpp"
#include "profiling/span.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }
double ns_of(std::uint64_t ticks) { return prof::ticks_to_ns(static_cast<std::int64_t>(ticks)); }

struct Scratch {
  std::filesystem::path path;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

// The names and shapes of a decoder's step.
struct Step {
  prof::NameId step = prof::intern("bench step", prof::Category::user_annotation, prof::ValueKind::step);
  prof::NameId linear = prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul);
  prof::NameId norm = prof::intern("rms_norm", prof::Category::cpu_op, prof::ValueKind::dims);
  prof::NameId rope = prof::intern("rope", prof::Category::cpu_op, prof::ValueKind::dims);
  prof::NameId attention = prof::intern("attention", prof::Category::cpu_op, prof::ValueKind::dims);
  prof::NameId add = prof::intern("add", prof::Category::cpu_op, prof::ValueKind::dims);
  static constexpr std::uint64_t spans = 1 + 28 * 8;

  // Real spans with a little work inside, whose length wanders as that of real work does.
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
  return prof::Session::start({folder, std::to_string(1'000'000 + ++count), 0, 1, 0, "bench", prof::default_base_ns()});
}

// Records about `events`, a ring's half at a time, waiting while the writer is behind: full rings would drop, and show nothing.
void record_events(const Step& step, std::uint64_t events) {
  for (std::uint64_t n = 0; n * Step::spans < events; ++n) {
    step.record(n);
    while (prof::recorded_backlog() > 20'000) std::this_thread::sleep_for(200us);
  }
}

// Two clock readings and one 32-byte store: no recorder can do less.
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
  for (int turn = 0; turn < turns; ++turn) off.push_back(std::max(0.0, span_ns(name, spans * 16) - loop_ns(spans * 16)));
  auto session = start_session(folder);
  if (!session) return session.error();
  for (int turn = 0; turn < turns; ++turn) {
    floor.push_back(floor_ns(ring, spans));
    on.push_back(span_ns(name, spans));
    std::this_thread::sleep_for(8ms);  // the writer takes them away
  }
  if (auto stopped = (*session)->stop(); !stopped) return stopped.error();
  results.push_back({"span", {}, quantile(on, 0.5), "ns", "floor", quantile(floor, 0.5)});
  results.push_back({"span_off", {}, quantile(off, 0.5), "ns", "", std::nullopt});
  return {};
}

std::string text_of(const std::filesystem::path& file) {
  std::string text(std::size_t{400} << 20, '\0');
  gzFile in = gzopen(file.c_str(), "rb");
  std::size_t size = 0;
  for (int n; (n = gzread(in, text.data() + size, 1 << 20)) > 0 && size + (std::size_t{2} << 20) < text.size();) size += static_cast<std::size_t>(n);
  gzclose(in);
  text.resize(size);
  return text;
}

Result<void> measure_writing(const std::filesystem::path& folder, bool quick, std::vector<Measurement>& results) {
  auto session = start_session(folder);
  if (!session) return session.error();
  record_events(Step{}, quick ? 1'000'000 : 2'000'000);
  auto report = (*session)->stop();
  if (!report) return report.error();
  const auto events = static_cast<double>(report->events);

  const std::string text = text_of(report->file);
  std::vector<unsigned char> out(compressBound(text.size()));
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const auto start = Clock::now();
  deflate(&stream, Z_FINISH);
  const double zlib_s = ms_since(start) / 1000;
  const auto zlib_bytes = static_cast<double>(stream.total_out);
  deflateEnd(&stream);

  results.push_back({"write_rate", {{"events", std::to_string(report->events)}}, events / static_cast<double>(report->profiler_cpu_ns) * 1000, "M/s",
                     "zlib alone", events / zlib_s / 1e6});
  results.push_back({"bytes_per_event", {{"events", std::to_string(report->events)}}, static_cast<double>(report->bytes) / events, "B", "zlib alone",
                     zlib_bytes / events});
  std::filesystem::remove(report->file);
  return {};
}

Result<void> measure_stop(const std::filesystem::path& folder, bool quick, std::vector<Measurement>& results) {
  const int sessions = quick ? 12 : 50;
  std::vector<double> stops;
  for (int i = 0; i < sessions; ++i) {
    auto session = start_session(folder);
    if (!session) return session.error();
    record_events(Step{}, 1'000'000);
    const auto start = Clock::now();
    auto report = (*session)->stop();
    stops.push_back(ms_since(start));
    if (!report) return report.error();
    std::filesystem::remove(report->file);
  }
  results.push_back({"stop", {{"events", "1000000"}, {"sessions", std::to_string(sessions)}}, quantile(stops, 0.99), "ms", "", std::nullopt});
  return {};
}

double resident_kib(const char* key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return std::strtod(line.c_str() + std::string_view(key).size() + 1, nullptr);
  return 0;
}

// In a process of its own, so that nothing else counts.
Result<void> measure_resident(const std::filesystem::path& folder, std::uint64_t events, std::vector<Measurement>& results) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return Error{ErrorCode::io, "cannot make a pipe"};
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::ofstream("/proc/self/clear_refs") << 5;  // the peak counts from now on
    const double before = resident_kib("VmRSS:");
    double answer[2] = {-1, 0};
    if (auto session = start_session(folder)) {
      record_events(Step{}, events);
      if (auto report = (*session)->stop()) {
        answer[0] = (resident_kib("VmHWM:") - before) / 1024;
        answer[1] = static_cast<double>(report->events);
      }
    }
    (void)!::write(pipe_ends[1], answer, sizeof answer);
    _exit(0);
  }
  double answer[2] = {-1, 0};
  ::close(pipe_ends[1]);
  (void)!::read(pipe_ends[0], answer, sizeof answer);
  ::close(pipe_ends[0]);
  ::waitpid(pid, nullptr, 0);
  if (answer[0] < 0) return Error{ErrorCode::io, "the session of " + std::to_string(events) + " events failed"};
  results.push_back({"resident", {{"events", std::to_string(static_cast<std::uint64_t>(answer[1]))}}, answer[0], "MiB", "", std::nullopt});
  return {};
}

Result<double> request_ms(Omni& omni) {
  const auto outputs = omni.generate({"What does a profiler cost?"});
  if (outputs[0].error.code != ErrorCode::none) return outputs[0].error;
  return outputs[0].e2e_time_ms;
}

// One pipeline, as it runs by default, with requests that are profiled and requests that are not in turn.
Result<void> measure_overhead(const ProfilerOptions& options, const std::filesystem::path& folder, std::vector<Measurement>& results) {
  auto omni = Omni::from_engine_args({.config = options.config, .profile_dir = folder});
  if (!omni) return omni.error();
  if (auto warm = request_ms(**omni); !warm) return warm.error();
  const int pairs = options.quick ? 10 : 40;
  std::vector<double> with, without, per_cent;
  std::uint64_t events = 0, bytes = 0;
  for (int i = 0; i < pairs; ++i) {
    for (const bool profiled : {i % 2 == 0, i % 2 != 0}) {
      if (profiled)
        if (auto started = (*omni)->start_profile(); !started) return started.error();
      const auto one = request_ms(**omni);
      if (!one) return one.error();
      (profiled ? with : without).push_back(*one);
      if (!profiled) continue;
      auto stopped = (*omni)->stop_profile();
      if (!stopped) return stopped.error();
      for (const RankTrace& trace : *stopped) {
        events += trace.events;
        bytes += trace.bytes;
        std::filesystem::remove(trace.file);
      }
    }
    per_cent.push_back(100 * (with.back() / without.back() - 1));
  }
  const std::vector<std::pair<std::string, std::string>> params{{"pairs", std::to_string(pairs)}};
  results.push_back({"overhead", params, quantile(per_cent, 0.5), "%", "", std::nullopt});
  results.push_back({"request", params, quantile(with, 0.5), "ms", "not profiled", quantile(without, 0.5)});
  results.push_back({"bytes_per_event", {{"source", "pipeline"}}, static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(events, 1)), "B", "", std::nullopt});
  return {};
}

// Two pipelines at a time, one without flight recorders. Two processes that do the same differ by more than a recorder costs, by where their memory
// happens to lie, so both are started anew many times.
Result<void> measure_flight(const ProfilerOptions& options, const std::filesystem::path& folder, std::vector<Measurement>& results) {
  const int starts = options.quick ? 2 : 8, requests = options.quick ? 3 : 5;
  std::vector<double> per_cent;
  for (int start = 0; start < starts; ++start) {
    std::unique_ptr<Omni> pipelines[2];  // without, with
    for (const int which : {start % 2, 1 - start % 2}) {
      auto omni = Omni::from_engine_args({.config = options.config, .profile_dir = folder, .flight_recorder = which == 0 ? 0ms : 10'000ms});
      if (!omni) return omni.error();
      pipelines[which] = std::move(omni).value();
      if (auto warm = request_ms(*pipelines[which]); !warm) return warm.error();
    }
    std::vector<double> ms[2];
    for (int i = 0; i < 2 * requests; ++i) {
      const auto one = request_ms(*pipelines[(i + i / 2) % 2]);
      if (!one) return one.error();
      ms[(i + i / 2) % 2].push_back(*one);
    }
    per_cent.push_back(100 * (quantile(ms[1], 0.5) / quantile(ms[0], 0.5) - 1));
  }
  results.push_back({"flight_overhead", {{"starts", std::to_string(starts)}}, quantile(per_cent, 0.5), "%", "", std::nullopt});
  return {};
}

}  // namespace

Result<std::vector<Measurement>> bench_profiler(const ProfilerOptions& options) {
  const auto runtime = ipc::runtime_folder();
  if (!runtime) return runtime.error();
  // Traces go where users' traces go, to a disk, not to memory.
  std::error_code failed;
  const Scratch scratch{std::filesystem::current_path(failed) / (".limelight-bench-" + std::to_string(getpid()))};
  if (!std::filesystem::create_directory(scratch.path, failed)) return Error{ErrorCode::io, scratch.path.string() + ": " + failed.message()};
  std::vector<Measurement> results;
  const auto say = [](const char* what) { std::fprintf(stderr, "%s\n", what); };
  say("spans");
  if (auto done = measure_spans(scratch.path, results); !done) return done.error();
  say("writing");
  if (auto done = measure_writing(scratch.path, options.quick, results); !done) return done.error();
  say("stop");
  if (auto done = measure_stop(scratch.path, options.quick, results); !done) return done.error();
  say("long sessions");
  for (const std::uint64_t events : options.quick ? std::vector<std::uint64_t>{100'000, 5'000'000} : std::vector<std::uint64_t>{100'000, 5'000'000, 50'000'000})
    if (auto done = measure_resident(scratch.path, events, results); !done) return done.error();
  say("the pipeline, with and without");
  if (auto done = measure_overhead(options, scratch.path, results); !done) return done.error();
  if (auto done = measure_flight(options, scratch.path, results); !done) return done.error();
  return results;
}

}  // namespace limelight::bench
