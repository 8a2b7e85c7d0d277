#include "actors/orchestrator/engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <caf/io/all.hpp>
#include <random>

#include "actors/orchestrator/broker_of_process.hpp"
#include "actors/orchestrator/engine_state.hpp"
#include "actors/orchestrator/heartbeat.hpp"
#include "actors/orchestrator/shm_plan.hpp"
#include "actors/orchestrator/supervisor.hpp"
#include "actors/pipeline/local_middleman.hpp"
#include "actors/pipeline/placement.hpp"
#include "actors/pipeline/pools.hpp"
#include "actors/pipeline/startup_request.hpp"
#include "actors/pipeline/thread_names.hpp"
#include "actors/pipeline/topics.hpp"
#include "base/helper.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "ipc/iceoryx/broker.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::actors {

using namespace std::chrono_literals;

namespace {

constexpr auto start_timeout = 60s;
constexpr std::chrono::milliseconds end_grace = 2s, failed_grace = 500ms, dump_grace = 1s;

// Unique also among the pipelines of one process: the broker may still hold ports of one that was
// killed a moment ago.
std::string new_run_name() {
  static std::atomic<int> count{0};
  return std::to_string(getpid()) + "-" + std::to_string(++count);
}

// On other machines there may be a run of that name, of an orchestrator that has this process id on
// its own machine.
std::string unique_run_name() {
  std::random_device random;
  return new_run_name() + "-" + std::to_string(random());
}

OrchestratorActor::behavior_type orchestrator_actor(
    OrchestratorActor::pointer,
    std::function<void(const Join&)> joined,
    std::function<void(const StageReport&)> reported,
    std::function<void(const HeldBack&)> held_back,
    std::function<void(const RankGone&)> gone) {
  return {[joined](const Join& m) { joined(m); }, [reported](const StageReport& m) { reported(m); },
          [held_back](const HeldBack& m) { held_back(m); }, [gone](const RankGone& m) { gone(m); }};
}

}  // namespace

void Engine::State::fail(Error error) {
  const std::lock_guard lock(mutex);
  if (failure.code != ErrorCode::none) return;
  failure = std::move(error);
  if (failure.code == ErrorCode::rank_failed && wants_traces()) dump_if_due("a rank failed");
  while (!open.empty()) finish(open.begin(), failure);
  change_status();
  joined.notify_all();
}

Result<void> Engine::State::start() {
  const CafVisit visit;
  most_admitted = static_cast<std::size_t>(config.max_inflight);
  const bool flight = args.flight_recorder.count() > 0;
  const auto broker = use_broker(pools_for(config), needs_beside_broker(config, flight));
  if (!broker) return broker.error();
  for (const stages::Replica& one : config.replicas()) {
    replicas.push_back({.life = ReplicaLife(one, config.supervision)});
    const stages::StageConfig& s = *config.find(one.stage_id);
    if (s.user_output < 0) continue;
    auto port = make_subscriber(topic_to_user(run, {one.stage_id, one.index}), user_window);
    if (!port) return port.error();
    ports.push_back({one.stage_id, s.final_output_type, std::move(port).value(), {}});
  }

  auto sender = AttachmentSender::create(config, run);
  if (!sender) return sender.error();
  attachments = std::move(sender).value();

  settings.add_message_types<caf::id_block::limelight>();
  settings.load<caf::io::middleman>();
  settings.set("middleman.app-identifiers", std::vector<std::string>{application_name(run)});
  settings.set("middleman.workers", std::size_t{0});  // who reads a message also decodes it
  settings.set("scheduler.max-threads", 2);
  settings.set("scheduler.policy",
               caf::atom("sharing"));  // idle threads sleep until there is work; those that steal
                                       // look for it again and again
  name_actor_threads(settings);
  system = std::make_unique<caf::actor_system>(settings);
  name_network_thread(*system);
  supervisor = system->middleman().spawn_broker(profiling_supervisor);
  orchestrator = system->spawn(
      orchestrator_actor, [this](const Join& m) { on_join(m); },
      [this](const StageReport& m) { on_report(m); },
      [this](const HeldBack& m) {
        const std::lock_guard lock(mutex);
        if (args.full_queue.count() == 0 ||
            m.milliseconds < static_cast<std::uint64_t>(args.full_queue.count()))
          return;
        dump_if_due("a full queue held stage " + std::to_string(m.stage) + " back for " +
                    std::to_string(m.milliseconds) + " ms");
      },
      [this](const RankGone& m) { launcher->gone(m); });
  const auto helper = config.rank_executable.empty()
                          ? find_helper("limelight-rank")
                          : Result<std::filesystem::path>(config.rank_executable);
  const auto folder = ipc::runtime_folder();
  if (!helper) return helper.error();
  if (!folder) return folder.error();
  remove_dead_runs(*folder);
  launcher = std::make_unique<RankHosts>(*folder / ("run-" + run),
                                         [this](const RankDeath& death) { on_death(death); });
  // Whoever is no rank of this run is told nothing, even if it is a process of this user.
  const auto control = *folder / ("run-" + run + ".control");
  LIMELIGHT_TRY(publish_local(orchestrator, control, [this](const PeerCredentials& peer) {
    return same_user(peer) && launcher->started(peer.pid);
  }));
  std::error_code ignored;
  std::vector<std::map<std::string, std::string>> env;
  const std::string timestamp = prof::session_timestamp();
  for (int rank = 0; rank < config.world_size(); ++rank) {
    const stages::StageConfig& stage = *config.stage_of(rank);
    env.push_back(stage.env);
    if (args.profile_startup)
      env.back()[startup_variable] =
          to_text({.directory = std::filesystem::absolute(trace_folder(), ignored).string(),
                   .timestamp = timestamp,
                   .base_ns = prof::default_base_ns(),
                   .world_size = config.world_size(),
                   .stage_id = stage.stage_id,
                   .replica = config.replica_of(rank)->index,
                   .num_replicas = stage.num_replicas,
                   .stage_name = stage.model_stage});
  }
  LIMELIGHT_TRY(launcher->start(
      {.executable = *helper,
       .config = std::filesystem::absolute(config.file, ignored),
       .config_text = config.text,
       .control = control,
       .run = run,
       .flight = args.flight_recorder,
       .flight_records = flight ? flight_records(config) : 0,
       .env = std::move(env)},
      config,
      {.system = system.get(), .orchestrator = orchestrator, .token_file = args.token_file}));
  if (*broker != 0)
    broker_watch =
        std::make_unique<BrokerWatch>(*broker, [this, pid = *broker] { on_broker_end(pid); });
  for (UserPort& user : ports) user.thread = std::thread([this, &user] { receive(user); });

  std::unique_lock lock(mutex);
  const auto up = [this] {
    return failure.code != ErrorCode::none ||
           ranks.size() == static_cast<std::size_t>(config.world_size());
  };
  if (!joined.wait_for(lock, start_timeout, up)) {
    std::string missing;
    for (int rank = 0; rank < config.world_size(); ++rank)
      if (!ranks.contains(rank))
        missing += "\n" + name_rank(rank, launcher->pid(rank)) +
                   "; its log ends: " + launcher->log_tail(rank);
    return Error{ErrorCode::timeout,
                 "not all ranks joined within a minute; missing are:" + missing};
  }
  if (failure.code != ErrorCode::none) return failure;
  std::vector<Join> all;
  for (const auto& [rank, there] : ranks) all.push_back(there);
  heartbeats = system->spawn(
      heartbeat, all, args.rank_timeout,
      [this](const Join& rank, std::chrono::milliseconds silent) { on_silence(rank, silent); },
      [this](const Join& rank, const Pong& sign) { on_sign(rank, sign); });
  started = true;
  change_status();
  supervision = std::thread([this] { run_supervision(); });
  return {};
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Engine>> Engine::start(const EngineArgs& args) {
  auto config = pipeline_of(args);
  if (!config) return config.error();
  if (!config->ignored.empty()) {
    std::string keys;
    for (const auto& [key, why] : config->ignored) keys += (keys.empty() ? "" : ", ") + key;
    log(LogLevel::info, "keys of the deploy config that mean nothing here are ignored: " + keys);
  }
  if (args.rank_timeout < 100ms)
    return Error{ErrorCode::invalid_argument, "rank_timeout: found " +
                                                  std::to_string(args.rank_timeout.count()) +
                                                  " ms, expected 100 ms or more"};
  if (const auto& own = args.supervision; own) {
    if (own->max_failures < 1 || own->failure_window < 1ms || own->restart_backoff < 1ms ||
        own->max_retries < 0)
      return Error{ErrorCode::invalid_argument,
                   "supervision: found max_failures " + std::to_string(own->max_failures) +
                       ", failure_window " + std::to_string(own->failure_window.count()) +
                       " ms, restart_backoff " + std::to_string(own->restart_backoff.count()) +
                       " ms, max_retries " + std::to_string(own->max_retries) +
                       ", expected 0 or more retries, and 1 or more of the others"};
    config->supervision = *own;
  }
  auto state = std::make_unique<State>();
  state->args = args;
  if (args.profile_dir.empty()) state->args.profile_dir = config->profile_dir;
  auto folder = prof::trace_folder(state->args.profile_dir);
  if (!folder) return folder.error();
  state->args.profile_dir = std::move(folder).value();
  state->config = std::move(config).value();
  state->run = nodes_in_use(state->config).empty() ? new_run_name() : unique_run_name();
  std::unique_ptr<Engine> engine(new Engine(std::move(state)));
  LIMELIGHT_TRY(engine->state_->start());
  return engine;
}

Engine::~Engine() {
  const CafVisit visit;
  State& s = *state_;
  s.fail({ErrorCode::cancelled, "the pipeline was ended"});
  {
    std::unique_lock lock(s.mutex);
    s.joined.wait_for(lock, dump_grace, [&] { return s.dumps_under_way == 0; });
    s.ending = true;
    s.supervise.notify_all();
    for (const auto& [rank, there] : s.ranks) caf::anon_send(there.actor, EndRank{});
  }
  if (s.supervision.joinable()) s.supervision.join();
  s.broker_watch.reset();
  s.deadlines.stop();
  if (s.heartbeats) caf::anon_send_exit(s.heartbeats, caf::exit_reason::user_shutdown);
  // Also after a failure those that still can end in order: whoever is killed may hold a lock of
  // the broker's.
  if (s.launcher)
    s.launcher->shutdown(s.failure.code == ErrorCode::rank_failed ||
                                 s.broker_failure.code != ErrorCode::none
                             ? failed_grace
                             : end_grace);
  for (State::UserPort& port : s.ports) {
    port.subscriber->wake();
    if (port.thread.joinable()) port.thread.join();
  }
  s.ports.clear();
  s.attachments = {};
  ipc::clean_stale();  // what ranks leave that were killed
  {
    const std::lock_guard lock(s.mutex);
    s.ranks.clear();
  }
  if (s.system) {
    caf::anon_send_exit(s.orchestrator, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(s.supervisor, caf::exit_reason::user_shutdown);
    s.orchestrator = nullptr;
    s.supervisor = nullptr;
    s.heartbeats = nullptr;
    s.system.reset();
  }
}

void Engine::fail(Error error) { state_->fail(std::move(error)); }
const stages::PipelineConfig& Engine::config() const { return state_->config; }
int Engine::rank_pid(int rank) const { return state_->launcher->pid(rank); }

}  // namespace limelight::actors
