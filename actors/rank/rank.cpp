#include "actors/rank/rank.hpp"

#include <unistd.h>

#include <atomic>
#include <caf/io/all.hpp>
#include <cerrno>
#include <cstdio>
#include <limelight/span.hpp>
#include <mutex>
#include <optional>
#include <thread>

#include "actors/pipeline/local_middleman.hpp"
#include "actors/pipeline/protocol.hpp"
#include "actors/pipeline/thread_names.hpp"
#include "actors/pipeline/topics.hpp"
#include "actors/rank/rank_traces.hpp"
#include "actors/rank/rank_worker.hpp"
#include "actors/rank/startup_trace.hpp"
#include "base/log.hpp"
#include "profiling/capture/flight_recorder.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/event_names.hpp"
#include "profiling/record/memory_ledger.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;

namespace {

constexpr auto finish_grace = std::chrono::seconds(4);

// What both actors of a rank work on.
struct RankState {
  RankState(RankWorker& w, int rank, int world_size, const prof::FlightOptions& flight)
      : worker(w), traces(w, rank, world_size, flight) {}
  RankWorker& worker;
  RankTraces traces;
  // Requests about traces that the tracer has and has not finished. At 0 the stage actor may use
  // `traces` itself.
  std::atomic<int> with_tracer{0};
};

using TracerActor = caf::typed_actor<caf::replies_to<StartTrace>::with<RankTrace>,
                                     caf::replies_to<StopTrace>::with<RankTrace>,
                                     caf::replies_to<DumpTrace>::with<RankTrace>,
                                     caf::replies_to<SetFlight>::with<RankTrace>>;

// Does what takes long: compresses, writes, syncs.
TracerActor::behavior_type tracer_actor(TracerActor::pointer, RankState* state) {
  const auto done = [state](RankTrace answer) {
    state->with_tracer.fetch_sub(1, std::memory_order_release);
    return answer;
  };
  return {[=](const StartTrace& m) { return done(state->traces.start(m)); },
          [=](const StopTrace& m) { return done(state->traces.stop(m)); },
          [=](const DumpTrace& m) { return done(state->traces.dump(m)); },
          [=](const SetFlight& m) { return done(state->traces.set_flight(m)); }};
}

prof::NameId message_name(std::string_view what) {
  return prof::intern(what, prof::Category::user_annotation, prof::ValueKind::none, false,
                      prof::Activity::actors);
}

// A broker only by its kind: it runs on the thread that reads from the network, which saves a rank
// the wake-up of a second thread before it answers.
RankActor::behavior_type stage_actor(RankActor::broker_pointer self, RankState* state) {
  const auto tracer = self->spawn<caf::linked>(tracer_actor, state);
  const auto pass_on = [=](auto& message) {
    state->with_tracer.fetch_add(1, std::memory_order_relaxed);
    return self->delegate(tracer, std::move(message));
  };
  return {
      [=](Submit& m) {
        static const prof::NameId name = message_name(prof::event_names::actor_submit);
        const prof::RequestScope scope(static_cast<std::uint32_t>(m.number));
        prof::name_request(static_cast<std::uint32_t>(m.number), m.id);
        const prof::Span span(name);
        state->worker.submit(
            {m.number, std::move(m.id), std::move(m.prompt), std::move(m.sampling),
             std::move(m.messages), std::move(m.prompt_token_ids), m.use_chat_template},
            {std::move(m.replicas), m.to_user});
      },
      [=](const Cancel& m) { state->worker.cancel(m.number); },
      [=](const EndRank&) { state->worker.end(); },
      [=](const ReplicaAnew& m) { state->worker.consumer_replaced(m.stage, m.replica); },
      [](const SetClock& m) {
        prof::set_host_clock({m.offset_ns, m.error_ns});
      },
      [](const Ping&) {
        const prof::MemoryLedger& ledger = prof::memory_ledger();
        return Pong{ledger.blocks(), ledger.used_blocks()};
      },
      [=](StartTrace& m) -> caf::result<RankTrace> {
        if (state->with_tracer.load(std::memory_order_acquire) > 0)
          return pass_on(m);  // in the order that they came
        return state->traces.start(m);
      },
      [=](StopTrace& m) { return pass_on(m); },
      [=](DumpTrace& m) { return pass_on(m); },
      [=](SetFlight& m) { return pass_on(m); },
  };
}

prof::NameId start_name(std::string_view what) {
  return prof::intern(what, prof::Category::user_annotation);
}

int fail(const RankOptions& options, const std::string& what) {
  log(LogLevel::error, "rank " + std::to_string(options.rank) + ": " + what);
  return 1;
}

// The traces that are finished when the orchestrator is gone. The lifeline's thread holds the lock
// while it finishes them, so whoever takes them away waits until this process has ended.
struct TracesToFinish {
  std::mutex mutex;
  RankTraces* traces = nullptr;
};
TracesToFinish& traces_to_finish() {
  static TracesToFinish* instance = new TracesToFinish;  // its threads are never joined
  return *instance;
}
void finish_when_orphaned(RankTraces* traces) {
  const std::lock_guard lock(traces_to_finish().mutex);
  traces_to_finish().traces = traces;
}

// The kernel closes the other end when the orchestrator is gone, also after kill -9: no rank
// outlives it by more than it takes to finish a trace, nor by more than finish_grace, whatever is
// stuck (a disk, a device).
void die_with_orchestrator(int fd) {
  std::thread([fd] {
    char byte;
    for (ssize_t n = 1; n > 0 || (n < 0 && errno == EINTR);) n = ::read(fd, &byte, 1);
    std::thread([] {
      std::this_thread::sleep_for(finish_grace);
      _exit(1);
    }).detach();
    const std::lock_guard lock(traces_to_finish().mutex);
    if (traces_to_finish().traces != nullptr) traces_to_finish().traces->close();
    _exit(0);
  }).detach();
}

}  // namespace

int run_rank(const RankOptions& options) {
  die_with_orchestrator(options.lifeline_fd);
  prof::FlightOptions flight{.keep = options.flight,
                             .file = flight_file(options.run, options.rank)};
  if (options.flight_records > 0) flight.most_records = options.flight_records;
  if (options.flight.count() > 0) prof::enable_flight_recorder(flight);
  const struct GiveBack {
    ~GiveBack() { prof::disable_flight_recorder(); }
  } give_back;
  StartupTrace startup(options.rank);
  std::optional<prof::Span> reading(start_name("start: read the config"));
  auto config = stages::parse(options.config, "/proc/self/exe");
  reading.reset();
  if (!config) return fail(options, config.error().message);

  caf::actor_system_config settings;
  settings.add_message_types<caf::id_block::limelight>();
  settings.load<caf::io::middleman>();
  settings.set("middleman.app-identifiers",
               std::vector<std::string>{application_name(options.run)});
  settings.set("middleman.workers", std::size_t{0});  // who reads a message also decodes it
  settings.set("scheduler.max-threads", 2);
  settings.set("scheduler.policy",
               caf::atom("sharing"));  // idle threads sleep until there is work; those that steal
                                       // look for it again and again
  name_actor_threads(settings);
  caf::actor_system system(settings);
  name_network_thread(system);
  // The orchestrator is the process that started this one. A rank whose orchestrator is gone has
  // another parent and finds nobody.
  std::optional<prof::Span> reaching(start_name("start: reach the orchestrator"));
  const auto orchestrator = connect_local<OrchestratorActor>(
      system, options.control,
      [](const PeerCredentials& peer) { return same_user(peer) && peer.pid == ::getppid(); });
  reaching.reset();
  if (!orchestrator)
    return fail(options, "cannot reach the orchestrator: " + orchestrator.error().message);

  auto worker = RankWorker::create(
      *config, {options.rank, options.run, options.incarnation, options.absent},
      [&](const StageReport& report) { caf::anon_send(*orchestrator, report); },
      [&](std::uint64_t number, std::chrono::milliseconds held) {
        caf::anon_send(*orchestrator,
                       HeldBack{options.rank, config->stage_of(options.rank)->stage_id, number,
                                static_cast<std::uint64_t>(held.count())});
      });
  if (!worker) return fail(options, worker.error().message);
  {
    RankState state(**worker, options.rank, config->world_size(), flight);
    finish_when_orphaned(&state.traces);
    const auto actor = system.middleman().spawn_broker(stage_actor, &state);
    caf::anon_send(*orchestrator, Join{options.rank, (*worker)->stage_id(), getpid(),
                                       options.incarnation, actor, startup.end()});
    (*worker)->run();
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    system.await_all_actors_done();  // they point into the state
    finish_when_orphaned(nullptr);
  }
  return 0;
}

}  // namespace limelight::actors
