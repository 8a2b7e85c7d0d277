#include "profiling/capture/session.hpp"

#include <algorithm>
#include <atomic>

#include "base/try.hpp"
#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/profiler_cost.hpp"
#include "profiling/capture/session_state.hpp"
#include "profiling/record/memory_sampler.hpp"
#include "profiling/record/nvtx_marks.hpp"
#include "profiling/record/registry.hpp"

namespace limelight::profiling {

namespace {
std::atomic<bool> session_runs{false};

std::string nvtx_domain(const SessionOptions& options) {
  std::string name = "limelight rank " + std::to_string(options.rank);
  if (options.stage_id >= 0) name += ": stage " + std::to_string(options.stage_id);
  if (!options.stage_name.empty())
    name += (options.stage_id >= 0 ? " " : ": ") + options.stage_name;
  return name;
}
}  // namespace

Result<std::unique_ptr<Session>> Session::start(SessionOptions options) {
  const ProfileOptions& profile = options.profile;
  LIMELIGHT_TRY(check_profile(profile));
  const unsigned activities = *parse_activities(profile.activities) |
                              (profile.with_memory ? static_cast<unsigned>(Activity::memory) : 0u);
  const unsigned kinds = kinds_of_detail(profile.detail);
  if (session_runs.exchange(true))
    return Error{ErrorCode::busy, "a trace session is already running in this process"};
  if (const auto ready = prepare_folder(options); !ready) {
    session_runs = false;
    return ready.error();
  }
  std::unique_ptr<StackSampler> stacks;
  if (profile.with_stack) {
    auto sampler = StackSampler::start();
    if (!sampler) {
      session_runs = false;
      return sampler.error();
    }
    stacks = std::move(sampler).value();
  }
  if (profile.nvtx)
    if (const auto marks = start_nvtx(nvtx_domain(options)); !marks) {
      session_runs = false;
      return marks.error();
    }
  auto state = std::make_unique<State>(std::move(options));
  state->stacks = std::move(stacks);
  constexpr auto cpu = static_cast<unsigned>(Activity::cpu);
  state->annotations = (activities & cpu) != 0;
  state->activities = (activities & ~cpu) | (state->annotations ? kinds : 0u);
  RankTrace& known = state->known;
  known.rank = state->options.rank;
  known.stage_id = state->options.stage_id;
  known.replica = state->options.replica;
  known.span_ns = span_cost_ns();
  const std::string& detail = state->options.profile.detail;
  known.detail = detail.empty() ? "op" : detail;
  if ((activities & static_cast<unsigned>(Activity::gpu)) == 0 && state->options.source != nullptr)
    known.gpu = "not chosen";
  else if (ActivitySource* source = state->options.source; source != nullptr) {
    const auto begun = source->start();
    known.gpu = begun ? "recorded" : begun.error().message;
  }
  const ProfileOptions& limits = state->options.profile;
  if (limits.start_at_ns != 0)
    state->started_ticks =
        std::max(state->started_ticks, state->clock.to_ticks(limits.start_at_ns));
  known.begin_skew_ns = limits.start_at_ns != 0
                            ? state->clock.to_realtime_ns(state->started_ticks) -
                                  limits.start_at_ns + state->clock.error_ns()
                            : state->clock.error_ns();
  if (limits.milliseconds != 0)
    state->last_ticks = state->end_ticks =
        state->clock.to_ticks(state->clock.to_realtime_ns(state->started_ticks) +
                              static_cast<std::int64_t>(limits.milliseconds) * 1'000'000);
  state->begin_ticks = state->schedule.opens_at_start() ? state->started_ticks : State::never;
  state->begin_file();
  state->first_path = state->file->report.file;
  State* raw = state.get();
  {
    const std::lock_guard lock(detail::registry().drain_mutex);
    detail::registry().session_drains = true;
  }
  detail::recording_phases.store(state->phase.active(), std::memory_order_relaxed);
  detail::start_recording(state->annotations ? kinds : 0u);
  if (state->records_memory()) state->options.memory->start();
  // Starting a thread takes longer than all of the above, so the recorder's thread does it if there
  // is one.
  if (!detail::schedule_on_recorder_thread([raw] { raw->launch(State::busy_interval); }))
    raw->launch(State::first_interval);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<RankTrace> Session::stop() {
  State& s = *state_;
  if (s.stopped) return Error{ErrorCode::invalid_argument, "the trace session was stopped before"};
  s.stopped = true;
  if (s.records_memory()) s.options.memory->stop();
  detail::stop_recording();
  {
    const std::lock_guard lock(s.mutex);
    s.stopping = true;
  }
  s.wake.notify_one();
  // If the writer's thread has not been started yet, this thread writes the file.
  if (detail::cancel_scheduled()) s.run(State::busy_interval);
  else s.thread.join();
  session_runs = false;
  if (!s.status) return s.status.error();
  RankTrace report = std::move(s.finished.back());
  s.finished.pop_back();
  for (const RankTrace& before : s.finished) report.earlier_files.push_back(before.file.string());
  // Names that differ in what else is known of them alone are one.
  std::map<std::string, OpTotal> by_name;
  for (std::size_t name = 0; name < s.totals.size(); ++name) {
    if (s.totals[name].calls == 0) continue;
    const std::string& text = name_info(static_cast<NameId>(name)).name;
    OpTotal& op = by_name[text];
    op.name = text;
    op.calls += s.totals[name].calls;
    op.total_ns += s.totals[name].total_ns;
    op.self_ns += s.totals[name].self_ns;
  }
  for (auto& [name, op] : by_name) report.ops.push_back(std::move(op));
  std::sort(report.ops.begin(), report.ops.end(),
            [](const OpTotal& a, const OpTotal& b) { return a.self_ns > b.self_ns; });
  return report;
}

bool Session::ended() const noexcept { return state_->ended; }
const std::filesystem::path& Session::file() const noexcept { return state_->first_path; }

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
