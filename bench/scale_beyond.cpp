#include "bench/scale_beyond.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limelight/omni.hpp>
#include <limelight/span.hpp>
#include <limelight/trace.hpp>
#include <thread>

#include "actors/pipeline/protocol.hpp"
#include "base/try.hpp"
#include "bench/child_numbers.hpp"
#include "bench/time.hpp"
#include "ipc/limits.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t far_ranks[] = {128, 256, 512, 1000, 2000, 5000, 10'000};
constexpr std::uint64_t most_ranks = 10'000, fan = 100, events_of_trace = 100'000;

std::string say_number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// Records so many events in each of so many traces, of ranks of one session.
Result<prof::TraceFiles> record_traces(const std::filesystem::path& folder, int files, int events) {
  static const prof::NameId name =
      prof::intern("work", prof::Category::cpu_op, prof::ValueKind::dims);
  prof::TraceFiles all;
  for (int rank = 0; rank < files; ++rank) {
    auto session = prof::Session::start({.directory = folder,
                                         .timestamp = "1700000000000",
                                         .rank = rank,
                                         .world_size = files,
                                         .stage_id = 0,
                                         .stage_name = "merged",
                                         .base_ns = prof::default_base_ns()});
    if (!session) return session.error();
    for (int i = 0; i < events; ++i) {
      const prof::Span span(name, prof::pack_dims(static_cast<std::uint64_t>(i % 64), 640));
      while (i % 512 == 0 && prof::recorded_backlog() > 20'000) std::this_thread::sleep_for(200us);
    }
    const auto report = (*session)->stop();
    if (!report) return report.error();
    all.push_back(report->file);
  }
  return all;
}

double peak_mib() {
  struct rusage use {};
  ::getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024;
}

// Seconds of a merge, and the peak of its process.
Result<std::vector<double>> merge_traces(const prof::TraceFiles& files,
                                         const std::filesystem::path& out) {
  return in_child([&]() -> Result<std::vector<double>> {
    const double before = peak_mib();
    const auto begun = Clock::now();
    const auto merged = prof::merge(files, out);
    if (!merged) return merged.error();
    return std::vector<double>{ms_since(begun) / 1000, peak_mib() - before};
  });
}

double middle(std::vector<double> sample) { return sample.empty() ? 0 : quantile(sample, 0.5); }

}  // namespace

Result<MergeCost> measure_merge(const Scratch& scratch, bool quick) {
  struct Shape {
    int files, events;
  };
  // Few large files, and many small ones: two equations for two costs.
  const Shape large{4, quick ? 20'000 : 100'000}, small{quick ? 64 : 200, 20};
  std::vector<double> seconds, peaks;
  for (const Shape& shape : {large, small}) {
    const auto folder = scratch.path / ("merge" + std::to_string(shape.files));
    // Recorded in a child: the parent must not have threads.
    const auto recorded = in_child([&]() -> Result<std::vector<double>> {
      const auto files = record_traces(folder, shape.files, shape.events);
      if (!files) return files.error();
      return std::vector<double>{static_cast<double>(files->size())};
    });
    if (!recorded) return recorded.error();
    prof::TraceFiles files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    const auto cost = merge_traces(files, scratch.path / (folder.filename().string() + ".json.gz"));
    if (!cost) return cost.error();
    seconds.push_back(cost->at(0));
    peaks.push_back(cost->at(1));
    std::filesystem::remove_all(folder);
  }
  const double large_events = static_cast<double>(large.files) * large.events,
               small_events = static_cast<double>(small.files) * small.events;
  const double determinant = large.files * small_events - small.files * large_events;
  MergeCost cost;
  cost.file_us =
      1e6 * std::max(0.0, (seconds[0] * small_events - seconds[1] * large_events) / determinant);
  cost.event_us =
      1e6 * std::max(0.0, (large.files * seconds[1] - small.files * seconds[0]) / determinant);
  cost.file_mib = std::max(0.0, (peaks[1] - peaks[0]) / (small.files - large.files));
  return cost;
}

Result<void> measure_volume(const std::filesystem::path& config,
                            const Scratch& scratch,
                            bool quick,
                            ScaleConstants& constants) {
  const auto numbers = in_child([&]() -> Result<std::vector<double>> {
    auto omni = Omni::from_engine_args({.config = config, .profile_dir = scratch.path / "volume"});
    if (!omni) return omni.error();
    const std::vector<std::string> prompts(quick ? 2 : 8, "How much does a trace weigh?");
    LIMELIGHT_TRY((*omni)->start_profile());
    for (const RequestOutput& output : (*omni)->generate(prompts))
      if (output.error.code != ErrorCode::none) return output.error;
    const auto traces = (*omni)->stop_profile();
    if (!traces) return traces.error();
    double bytes = 0, events = 0, rate = 0;
    for (const RankTrace& trace : *traces) {
      bytes += static_cast<double>(trace.bytes);
      events += static_cast<double>(trace.events);
      if (trace.session_ns > 0)
        rate = std::max(
            rate, 1e9 * static_cast<double>(trace.events) / static_cast<double>(trace.session_ns));
    }
    if (events == 0) return Error{ErrorCode::internal, "the profile has no events"};
    return std::vector<double>{bytes / events, rate};
  });
  if (!numbers) return numbers.error();
  constants.bytes_per_event = numbers->at(0);
  constants.events_per_rank_s = numbers->at(1);
  return {};
}

void measure_messages(ScaleConstants& constants) {
  const auto size = [](auto message) {
    caf::binary_serializer::container_type buffer;
    caf::binary_serializer sink(nullptr, buffer);
    return sink(message) ? 0.0 : static_cast<double>(buffer.size());
  };
  constants.question_bytes = size(actors::StartTrace{.directory = "/var/lib/limelight/traces",
                                                     .timestamp = "1700000000000",
                                                     .base_ns = 1,
                                                     .options = {}});
  RankTrace answer;
  answer.file = "/var/lib/limelight/traces/1700000000000-rank-1.host_1_stage0-thinker.json.gz";
  constants.answer_bytes = size(answer);
}

std::vector<Measurement> beyond_rows(const ScaleConstants& constants) {
  std::vector<Measurement> rows;
  for (const std::uint64_t ranks : {std::uint64_t{1000}, most_ranks}) {
    const std::vector<std::pair<std::string, std::string>> of{{"ranks", std::to_string(ranks)},
                                                              {"computed", "1"}};
    const auto add = [&](const char* name, double value, const char* unit) {
      rows.push_back({name, of, value, unit});
    };
    const Volume volume = volume_of(constants, ranks);
    add("fan_out", fan_out_ms(constants, ranks), "ms");
    add("fan_out_as_tree", fan_out_ms(constants, ranks, fan), "ms");
    add("merge", merge_s(constants, ranks, events_of_trace), "s");
    add("disk", volume.disk_mb_s, "MB/s");
    add("disk_a_day", volume.disk_tb_day, "TB");
    add("control", volume.control_mb, "MB");
  }
  return rows;
}

LinePlot scale_plot(const std::vector<RanksMeasured>& measured, const ScaleConstants& constants) {
  Line started{.name = "start_profile, median", .points = {}},
      stopped{.name = "stop_profile, median", .points = {}},
      echo{.name = "echo over TCP to as many processes, median", .points = {}},
      one{.name = "start_profile, one supervisor", .points = {}, .dashed = true},
      tree{.name = "the same as a tree of 100", .points = {}, .dashed = true};
  for (const RanksMeasured& m : measured) {
    started.points.emplace_back(m.ranks, middle(m.started_ms));
    stopped.points.emplace_back(m.ranks, middle(m.stopped_ms));
    echo.points.emplace_back(m.ranks, middle(m.echo_ms));
  }
  for (const std::uint64_t ranks : far_ranks) {
    one.points.emplace_back(ranks, fan_out_ms(constants, ranks));
    tree.points.emplace_back(ranks, fan_out_ms(constants, ranks, fan));
  }
  return {.title = "Until all ranks have answered",
          .x_label = "ranks",
          .y_label = "ms",
          .note =
              "Measured: all ranks on one machine, which others use too. Computed: a machine "
              "each.",
          .log_x = true,
          .log_y = true,
          .lines = {started, stopped, echo, one, tree}};
}

std::vector<std::string> what_breaks(const std::vector<RanksMeasured>& measured,
                                     const ScaleConstants& constants,
                                     const MergeCost& merge,
                                     const std::string& refused_channels) {
  std::vector<std::string> notes;
  if (!refused_channels.empty())
    notes.push_back(
        "On one machine the channels break first: each replica of a stage has one to each replica "
        "of the next, and iceoryx has " +
        std::to_string(ipc::most_publishers) +
        " publishers. Refused before anything starts: " + refused_channels +
        ". What would be done: pair replicas in groups in place of all with all.");
  notes.push_back("Then its processes: iceoryx attaches " +
                  std::to_string(ipc::most_processes - 1) +
                  " to one broker. More ranks need a second machine.");
  if (!measured.empty()) {
    const RanksMeasured& most = measured.back();
    notes.push_back(
        say_number("%.0f", most.ranks) + " ranks hold " +
        say_number("%.1f", most.rank_mib * most.ranks) + " MiB of their own and " +
        say_number("%.1f", most.shm_mib) +
        " MiB of /dev/shm beside their weights; the latter is checked before the start.");
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  notes.push_back(
      "A merge has all of its files open: of 10,000 it needs as many descriptors, of which this "
      "process may have " +
      std::to_string(files.rlim_cur) + " (ulimit -n; usually 1024), and each takes " +
      say_number("%.2f", merge.file_mib) + " MiB, " +
      say_number("%.1f", merge.file_mib * most_ranks / 1024) +
      " GiB for all. What would be done: merge by stage or by host, then the merged files.");
  const Volume volume = volume_of(constants, most_ranks);
  notes.push_back("Continuous profiling of 10,000 busy ranks writes " +
                  say_number("%.0f", volume.disk_mb_s) + " MB/s, " +
                  say_number("%.3f", volume.disk_mb_s / most_ranks) +
                  " MB/s a rank: each to its own disk, and no network carries it. What would be "
                  "done: --profile-detail step, a schedule, or flight recorders alone.");
  notes.push_back("One supervisor asks 10,000 ranks in " +
                  say_number("%.0f", fan_out_ms(constants, most_ranks)) +
                  " ms (computed), of which its own CPU is " +
                  say_number("%.0f", constants.supervisor_us * most_ranks / 1000) +
                  " ms; as a tree of 100 it is " +
                  say_number("%.0f", fan_out_ms(constants, most_ranks, fan)) +
                  " ms. start_at_ns lets ranks begin together whenever they were told.");
  return notes;
}

}  // namespace limelight::bench
