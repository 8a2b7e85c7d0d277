// What a session consists of; part of session.cpp and session_writer.cpp alone. session.cpp starts
// and stops it, session_writer.cpp is its thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "profiling/capture/phase_filter.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/capture/session_file.hpp"
#include "profiling/capture/stack_sampler.hpp"
#include "profiling/capture/step_schedule.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/record.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

struct Session::State {
  // How long the writer sleeps between two drains: long while little is recorded, because each
  // wake-up takes time from the recording threads, and short while rings fill up.
  static constexpr auto calm_interval = std::chrono::milliseconds(60),
                        busy_interval = std::chrono::milliseconds(1);
  // The first sleep. It delays the writer so that it does not compete with the answers of this and
  // the other ranks to start_profile. With a flight recorder it is not needed: the recorder starts
  // the writer after the same delay.
  static constexpr auto first_interval = std::chrono::milliseconds(4);

  explicit State(SessionOptions opts)
      : options(std::move(opts)),
        schedule(options.profile),
        phase(options.profile.phase),
        timestamp(options.timestamp) {}

  SessionOptions options;
  unsigned activities = all_activities;
  bool annotations = true;  // whatever the detail is, if cpu is one of the activities
  StepSchedule schedule;
  PhaseFilter phase;
  const std::string timestamp;      // of the session; that of the options is of the file
  std::optional<SessionFile> file;  // the one that is written now
  std::filesystem::path first_path;
  std::vector<RankTrace> finished;  // the files before it
  Result<void> status;              // of the last one that is finished
  ClockMap clock = ClockMap::calibrate();
  std::uint64_t started_ticks = ticks();  // steps that began earlier are not counted
  // Of the file: records that begin outside are left out. It is opened and closed by steps, where a
  // schedule is to be kept.
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  std::uint64_t begin_ticks = started_ticks, end_ticks = never;
  std::uint64_t last_ticks = never;  // of the session
  bool closed = false;               // by a step: the next file is to begin
  struct Deferred {
    Record record;
    int thread_id;
  };
  std::vector<Deferred> deferred;  // what came after the step that closed the file
  struct Kind {
    // memory: of the whole process, whatever the request is.
    bool known = false, step = false, counter = false, memory = false, phase = false,
         chosen = false;
  };
  std::vector<Kind> kinds;  // by NameId
  std::uint32_t wanted_request = 0,
                other_request = 0;  // the last numbers whose names were looked up
  std::uint64_t drops_before = 0;
  std::chrono::steady_clock::time_point member_begun = std::chrono::steady_clock::now(),
                                        followed = member_begun, polled = member_begun,
                                        threads_followed = member_begun;
  std::unique_ptr<StackSampler> stacks;  // nullptr: none were asked for
  StackUse stacks_before;                // of the files before this one
  std::uint64_t failures_seen = 0;       // allocations that failed, when it was looked last
  RankTrace known;                       // what is the same in each report
  std::uint64_t cpu_before = 0;          // of the writer, when the file was begun
  ActivityLosses losses_before{};

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

  bool records_memory() const { return options.profile.with_memory && options.memory != nullptr; }
  void launch(std::chrono::milliseconds first);
  void run(std::chrono::milliseconds first);
  std::size_t drain();
  void write_record(const Record& record, ThreadTotals& thread_totals, int thread_id);
  bool chosen(const Record& record);
  const Kind& kind_of(NameId name);
  bool limit_reached();
  void poll_device();
  void keep_up();
  void poll_stacks();
  void finish_stacks();
  void count_step(const Record& step);
  void snapshot_failures();
  void begin_file();
  void end_file(bool is_last);
  void next_file();
  std::vector<std::pair<int, std::string>> names_of_threads() const;
};

}  // namespace limelight::profiling
