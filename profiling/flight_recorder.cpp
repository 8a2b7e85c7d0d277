#include "profiling/flight_recorder.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "profiling/gzip_file.hpp"
#include "profiling/registry.hpp"
#include "profiling/span.hpp"
#include "profiling/trace_text.hpp"

namespace limelight::profiling {

namespace {

constexpr auto drain_interval = std::chrono::milliseconds(100);  // a ring of 32 768 records lasts for 300 000 spans a second and thread

struct Kept {
  Record record;
  int thread_id = 0;
};

class Recorder {
 public:
  explicit Recorder(const FlightOptions& options) : options_(options), kept_(std::make_unique<Kept[]>(options.most_records)), thread_([this] { run(); }) {}
  ~Recorder() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void keep(const Record& record, int thread_id) noexcept {
    const std::lock_guard lock(kept_mutex_);
    kept_[count_++ % options_.most_records] = {record, thread_id};
  }

  // Oldest first, of those that ended at `from` ticks or later. overwritten: whether some of that time is gone.
  std::vector<Kept> since(std::uint64_t from, bool& overwritten) {
    const std::lock_guard lock(kept_mutex_);
    std::vector<Kept> records;
    const std::uint64_t size = std::min<std::uint64_t>(count_, options_.most_records);
    for (std::uint64_t i = count_ - size; i < count_; ++i)
      if (const Kept& k = kept_[i % options_.most_records]; k.record.end >= from) records.push_back(k);
    overwritten = count_ > size && records.size() == size;
    return records;
  }
  const FlightOptions& options() const { return options_; }
  // Since it was enabled: when they were lost is not known, so a dump states them all.
  std::uint64_t drops() const { return detail::ring_drops() - drops_before_; }

 private:
  void run() {
    const sched_param no_priority{};
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &no_priority);
    std::unique_lock lock(mutex_);
    while (!ending_) {
      wake_.wait_for(lock, drain_interval, [this] { return ending_; });
      detail::drain_rings_unless_a_session_does([this](const Record& record, int thread_id) { keep(record, thread_id); });
    }
  }

  FlightOptions options_;
  std::mutex kept_mutex_;
  std::unique_ptr<Kept[]> kept_;
  std::uint64_t count_ = 0, drops_before_ = detail::ring_drops();
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

std::mutex recorder_mutex;  // for making, ending and dumping
std::unique_ptr<Recorder> owned_recorder;
std::atomic<Recorder*> recorder{nullptr};

}  // namespace

bool detail::flight_enabled() noexcept { return recorder.load(std::memory_order_relaxed) != nullptr; }

void detail::keep_for_flight(const Record& record, int thread_id) noexcept {
  if (Recorder* there = recorder.load(std::memory_order_acquire)) there->keep(record, thread_id);
}

void enable_flight_recorder(const FlightOptions& options) {
  const std::lock_guard lock(recorder_mutex);
  if (owned_recorder) return;
  owned_recorder = std::make_unique<Recorder>(options);
  recorder = owned_recorder.get();
  detail::recording.store(true, std::memory_order_relaxed);
}

void disable_flight_recorder() {
  const std::lock_guard lock(recorder_mutex);
  recorder = nullptr;
  detail::stop_recording();
  { const std::lock_guard draining(detail::registry().drain_mutex); }  // whoever still kept records in it is done
  owned_recorder.reset();
}

Result<SessionReport> dump_flight_recorder(SessionOptions options, std::chrono::milliseconds last) {
  const std::lock_guard lock(recorder_mutex);
  if (!owned_recorder) return Error{ErrorCode::unavailable, "the flight recorder of this process is off"};
  std::error_code failed;
  std::filesystem::create_directories(options.directory, failed);
  if (failed) return Error{ErrorCode::io, options.directory.string() + ": cannot make the trace directory: " + failed.message()};
  auto file = GzipFile::create(options.directory / trace_file_name(options));
  if (!file) return file.error();

  detail::drain_rings_unless_a_session_does([](const Record& record, int thread_id) { owned_recorder->keep(record, thread_id); });
  const ClockMap clock = ClockMap::calibrate();
  const std::int64_t now = realtime_ns();
  const auto window = std::min(last, owned_recorder->options().keep);
  const std::uint64_t from = clock.to_ticks(now - std::chrono::nanoseconds(window).count());
  SessionReport report;
  report.file = file->path();
  bool overwritten = false;
  const std::vector<Kept> records = owned_recorder->since(from, overwritten);

  TraceText text(options);
  text.begin(clock_source());
  std::uint64_t first = ~std::uint64_t{0};
  for (const Kept& kept : records) {
    const std::int64_t begin = clock.to_realtime_ns(kept.record.begin) - options.base_ns, end = clock.to_realtime_ns(kept.record.end) - options.base_ns;
    first = std::min(first, kept.record.begin);
    text.event(kept.record, begin, static_cast<std::uint64_t>(end - begin), kept.thread_id, kept.record.begin - from);
    ++report.events;
    if (text.size() < GzipFile::member_bytes) continue;
    if (auto written = file->write(text.view()); !written) return written.error();
    text.clear();
  }
  report.session_ns = records.empty() ? 0 : static_cast<std::uint64_t>(ticks_to_ns(static_cast<std::int64_t>(ticks() - first)));
  report.clock_error_ns = clock.error_ns();
  report.drops = report.ring_drops = owned_recorder->drops();
  report.gpu = "the flight recorder keeps the host's spans alone";
  report.note = "flight recorder: the last " + std::to_string(window.count()) + " ms" + (overwritten ? ", less what its memory could not hold" : "");
  text.end(report, detail::thread_names(), report.file.filename().string());
  if (auto written = file->write(text.view()); !written) return written.error();
  auto bytes = file->finish();
  if (!bytes) return bytes.error();
  report.bytes = *bytes;
  return report;
}

}  // namespace limelight::profiling
