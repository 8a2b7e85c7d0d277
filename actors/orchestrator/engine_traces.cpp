#include <algorithm>

#include "actors/orchestrator/engine_state.hpp"
#include "actors/orchestrator/profiler_out.hpp"
#include "actors/pipeline/topics.hpp"
#include "base/log.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::actors {

using namespace std::chrono_literals;

namespace {

// A stop may wait for a start that is taken back: three times the supervisor's patience.
constexpr auto profile_timeout = 90s;

// An error only if no rank has a file: what some have is worth having, and those that failed say so
// in their own entry.
Result<std::vector<RankTrace>> traces_of(const ProfileAnswer& answer) {
  const bool some = std::any_of(answer.ranks.begin(), answer.ranks.end(), [](const RankTrace& r) {
    return r.error.code == ErrorCode::none && !r.file.empty();
  });
  if (answer.error.code != ErrorCode::none && !some) return answer.error;
  return answer.ranks;
}

}  // namespace

template <class Message>
void Engine::State::ask_supervisor(const Message& message, OnProfileAnswer done) {
  const CafVisit visit;
  system->spawn([this, message, done, to = supervisor](caf::event_based_actor* self) {
    // A supervisor that ends leaves its questions unanswered.
    self->monitor(to);
    self->set_down_handler([done, self](const caf::down_msg&) {
      done(Error{ErrorCode::cancelled, "the pipeline was ended"}, false);
      self->quit();
    });
    self->request(to, profile_timeout, message)
        .then(
            [this, done, self](const ProfileAnswer& answer) {
              constexpr bool complete = !std::is_same_v<Message, StartProfile>;
              ProfileAnswer collected = answer;
              if (complete && args.collect_traces)
                for (RankTrace& trace : collected.ranks) collect(trace);
              if constexpr (std::is_same_v<Message, StopProfile>)
                if (const auto written = write_profiler_out(collected.ranks, trace_folder());
                    !written)
                  log(LogLevel::error, written.error().message);
              for (const RankTrace& trace : collected.ranks) tell_trace(trace, complete);
              done(traces_of(collected), collected.goes_on);
              self->quit();
            },
            [done, self](const caf::error& failed) {
              done(Error{ErrorCode::timeout,
                         "the profiling supervisor: " + self->system().render(failed)},
                   true);
              self->quit();
            });
  });
}

// Asks the flight recorders for their last seconds, which may explain what has happened. Nobody
// waits for the files, but the engine's end does.
void Engine::State::dump_if_due(const std::string& why) {
  if (args.flight_recorder.count() == 0 || ending || !supervisor) return;
  if (last_dump && Clock::now() - *last_dump < args.dump_interval) return;
  last_dump = Clock::now();
  ++dumps_under_way;
  ask_supervisor(
      DumpProfile{trace_folder().string(),
                  static_cast<std::uint64_t>(args.flight_recorder.count())},
      [this, why](const Result<std::vector<RankTrace>>& traces, bool) {
        if (traces)
          for (const RankTrace& trace : *traces)
            log(LogLevel::warning,
                why + ": flight recorder of rank " + std::to_string(trace.rank) + ": " +
                    (trace.file.empty() ? trace.error.message : trace.file.string()));
        else
          log(LogLevel::error,
              why + ", but the flight recorders could not be written: " + traces.error().message);
        const std::lock_guard lock(mutex);
        --dumps_under_way;
        joined.notify_all();
      });
}

// What a rank kept is in shared memory.
void Engine::State::salvage(int rank, prof::Owner owner) {
  if (args.flight_recorder.count() == 0) return;
  if (!launcher->is_here(rank))
    return log(LogLevel::info, "the last seconds of rank " + std::to_string(rank) +
                                   " are not written: it ran on another machine");
  if (!wants_traces())
    return log(LogLevel::info, "the last seconds of rank " + std::to_string(rank) +
                                   " are not written, as no folder for traces was named "
                                   "(--profile-dir, EngineArgs::profile_dir)");
  const stages::StageConfig& stage = *config.stage_of(rank);
  std::error_code ignored;
  const auto report = prof::salvage_flight_recorder(
      flight_file(run, rank),
      {.directory = std::filesystem::absolute(trace_folder(), ignored),
       .timestamp = prof::session_timestamp(),
       .rank = rank,
       .world_size = config.world_size(),
       .stage_id = stage.stage_id,
       .replica = config.replica_of(rank)->index,
       .num_replicas = stage.num_replicas,
       .stage_name = stage.model_stage,
       .base_ns = prof::default_base_ns(),
       .profile = {.prefix = "flight"}},
      owner);
  if (report) {
    tell_trace(*report);
    log(LogLevel::warning, "the last of rank " + std::to_string(rank) + ", which " +
                               (owner == prof::Owner::gone ? "is gone" : "does not answer") + ": " +
                               report->file.string());
  } else
    log(LogLevel::error, "the last of rank " + std::to_string(rank) +
                             " could not be written: " + report.error().message);
}

// Brings a trace from the machine that it was written on. One that cannot be had stays there, and
// says why.
void Engine::State::collect(RankTrace& trace) {
  if (trace.host.empty() || trace.error.code != ErrorCode::none || trace.file.empty()) return;
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::absolute(trace_folder(), ignored);
  std::filesystem::create_directories(folder, ignored);
  const auto bring = [&](std::string& name) {
    if (name.empty()) return;
    const auto file = launcher->fetch(trace, name, folder);
    if (file) name = file->string();
    else
      trace.note += (trace.note.empty() ? "" : "; ") + std::string("it was not collected: ") +
                    file.error().message;
  };
  const std::string note = trace.note;
  std::string main = trace.file.string();
  bring(main);
  trace.file = main;
  for (std::string& earlier : trace.earlier_files) bring(earlier);
  bring(trace.stacks.file);
  bring(trace.failed_allocations.file);
  if (trace.note == note) trace.host.clear();  // all of it is here
}

// Two stops at a time get the same answer. complete: also its own file, not only earlier ones.
void Engine::State::tell_trace(const RankTrace& trace, bool complete) {
  if (!args.on_trace || trace.error.code != ErrorCode::none) return;
  if (!trace.host.empty())
    return log(LogLevel::info, trace.file.string() +
                                   " lies on another machine, so nothing is done with it here; "
                                   "collect_traces (--collect) brings it");
  const std::lock_guard lock(told_mutex);
  const auto tell = [this](const std::filesystem::path& file) {
    if (file.empty() || std::find(told.begin(), told.end(), file) != told.end()) return;
    told.push_back(file);
    if (told.size() > most_told) told.pop_front();
    args.on_trace(file);
  };
  for (const std::string& earlier : trace.earlier_files) tell(earlier);
  if (complete) tell(trace.file);
}

namespace {
// For questions whose answer is the traces alone.
OnProfileAnswer without_more(Engine::OnTraces done) {
  return [done = std::move(done)](Result<std::vector<RankTrace>> traces, bool) {
    done(std::move(traces));
  };
}
}  // namespace

void Engine::start_profile(const StageIds& stages, const ProfileOptions& options, OnTraces done) {
  if (const auto good = prof::check_profile(options); !good) return done(good.error());
  const StartProfile message{.stages = {stages.ids.begin(), stages.ids.end()},
                             .directory = state_->trace_folder().string(),
                             .timestamp = prof::session_timestamp(),
                             .base_ns = prof::default_base_ns(),
                             .options = options};
  if (!options.orchestrator) return state_->ask_supervisor(message, without_more(std::move(done)));
  state_->ask_supervisor(
      message, [state = state_.get(), message, done](Result<std::vector<RankTrace>> traces, bool) {
        if (traces)
          traces->push_back(state->orchestrator_trace.start(message, state->config.world_size()));
        done(std::move(traces));
      });
}
void Engine::stop_profile(const StageIds& stages, OnTraces done) {
  // The orchestrator's own trace ends with that of the last stage.
  state_->ask_supervisor(StopProfile{{stages.ids.begin(), stages.ids.end()}},
                         [state = state_.get(), done, whole = stages.ids.empty()](
                             Result<std::vector<RankTrace>> traces, bool goes_on) {
                           if (!whole && goes_on) return done(std::move(traces));
                           auto own = state->orchestrator_trace.stop();
                           if (own) state->tell_trace(*own);
                           if (own && traces) traces->push_back(std::move(*own));
                           else if (own && own->error.code == ErrorCode::none)
                             traces = Error{
                                 .code = traces.error().code,
                                 .message = traces.error().message +
                                            "\nthe orchestrator's trace: " + own->file.string()};
                           done(std::move(traces));
                         });
}
void Engine::dump_profile(std::chrono::milliseconds last, OnTraces done) {
  state_->ask_supervisor(
      DumpProfile{state_->trace_folder().string(),
                  static_cast<std::uint64_t>(std::max<std::int64_t>(last.count(), 0))},
      without_more(std::move(done)));
}
void Engine::set_flight_recorder(std::chrono::milliseconds keep, OnTraces done) {
  state_->ask_supervisor(
      SetFlight{static_cast<std::uint64_t>(std::max<std::int64_t>(keep.count(), 0))},
      without_more(std::move(done)));
}
}  // namespace limelight::actors
