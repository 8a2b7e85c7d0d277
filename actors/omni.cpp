#include "actors/omni.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <caf/io/all.hpp>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include "actors/launcher.hpp"
#include "actors/pools.hpp"
#include "actors/protocol.hpp"
#include "actors/rank.hpp"
#include "actors/supervisor.hpp"
#include "ipc/broker.hpp"
#include "ipc/channel.hpp"

namespace limelight {

using namespace std::chrono_literals;
using namespace actors;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto start_timeout = 60s;
constexpr auto end_grace = 2s;
constexpr auto profile_timeout = 60s;

Result<std::string> random_token() {
  unsigned char bytes[16];
  const int fd = ::open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  const bool whole = fd >= 0 && ::read(fd, bytes, sizeof bytes) == sizeof bytes;
  if (fd >= 0) ::close(fd);
  if (!whole) return Error{ErrorCode::io, "cannot read /dev/urandom for the token of this run"};
  std::string token;
  for (const unsigned char byte : bytes) {
    token += "0123456789abcdef"[byte >> 4];
    token += "0123456789abcdef"[byte & 15];
  }
  return token;
}

// iceoryx attaches a process to one broker for life, so the broker is used for as long.
Result<void> use_broker(const std::vector<ipc::Pool>& pools) {
  static std::mutex mutex;
  static std::unique_ptr<ipc::Broker> broker;  // made before iceoryx's runtime, so it is given back after it
  const std::lock_guard lock(mutex);
  const auto helper = find_helper("limelight-broker");
  if (!helper) return helper.error();
  auto used = ipc::Broker::use(*helper, pools);
  if (!used) return used.error();
  if (broker) return {};
  broker = std::make_unique<ipc::Broker>(std::move(used).value());
  return ipc::attach("limelight-" + std::to_string(getpid()) + "-orchestrator", 30s);
}

}  // namespace

struct Omni::State {
  struct Pending {
    RequestOutput output;
    Clock::time_point start;
    std::size_t stages_left = 0, ports_left = 0;
    bool over = false;
  };

  EngineArgs args;
  stages::PipelineConfig config;
  caf::actor_system_config settings;
  std::unique_ptr<caf::actor_system> system;
  OrchestratorActor orchestrator;
  SupervisorActor supervisor;
  std::unique_ptr<Launcher> launcher;
  struct UserPort {
    int stage;
    std::string type;
    std::unique_ptr<ipc::Subscriber> subscriber;
    std::thread thread;
  };
  std::vector<UserPort> ports;

  std::mutex mutex;
  std::condition_variable changed;
  std::map<int, Join> ranks;
  std::map<std::uint64_t, Pending> pending;
  std::uint64_t next_number = 1;
  Error failure{ErrorCode::none, {}};  // of the whole pipeline: nothing runs any more
  bool ending = false;

  void fail(Error error) {
    const std::lock_guard lock(mutex);
    if (failure.code != ErrorCode::none) return;
    failure = std::move(error);
    for (auto& [number, request] : pending)
      if (!request.over) end_request(request, failure);
    changed.notify_all();
  }
  void end_request(Pending& request, Error error) {
    request.over = true;
    request.output.error = std::move(error);
    request.output.e2e_time_ms = std::chrono::duration<double, std::milli>(Clock::now() - request.start).count();
    changed.notify_all();
  }
  void settle(Pending& request) {
    if (!request.over && request.stages_left == 0 && request.ports_left == 0) end_request(request, {ErrorCode::none, {}});
  }

  void on_death(const RankDeath& death) {
    int first = 0;
    const stages::StageConfig* stage = nullptr;
    for (const auto& s : config.stages) {
      if (death.rank >= first && death.rank < first + s.tensor_parallel_size) stage = &s;
      first += s.tensor_parallel_size;
    }
    fail({ErrorCode::rank_failed, "stage " + std::to_string(stage ? stage->stage_id : -1) + " (" + (stage ? stage->model_stage : "?") + "), rank " +
                                      std::to_string(death.rank) + ", pid " + std::to_string(death.pid) + ": " + death.cause +
                                      (death.log_tail.empty() ? "; its log is empty" : "; its log ends:\n" + death.log_tail)});
  }

  void on_report(const StageReport& report) {
    const std::lock_guard lock(mutex);
    const auto at = pending.find(report.number);
    if (at == pending.end() || at->second.over) return;
    Pending& request = at->second;
    if (report.error_code != 0) {
      end_request(request, {static_cast<ErrorCode>(report.error_code), "stage " + std::to_string(report.stage) + ": " + report.error});
      for (const auto& [rank, joined] : ranks)
        if (joined.stage != report.stage) caf::anon_send(joined.actor, Cancel{report.number});
      return;
    }
    request.output.stages.push_back({report.stage, report.tokens_out, report.gen_ms});
    if (report.from_stage >= 0)
      request.output.transfers.push_back(
          {report.from_stage, report.stage, report.rx_chunks, report.rx_bytes, report.rx_in_flight_ms, report.rx_decode_ms});
    --request.stages_left;
    settle(request);
  }

  void receive(UserPort& port) {
    for (;;) {
      auto chunk = port.subscriber->take(1000ms);
      const std::lock_guard lock(mutex);
      if (ending) return;
      if (!chunk || !*chunk) continue;
      const auto at = pending.find((*chunk)->header().request);
      if (at == pending.end() || at->second.over) continue;
      RequestOutput& output = at->second.output;
      if (port.type == "text") {
        const auto text = (*chunk)->as<char>();
        output.text.append(text.begin(), text.end());
      } else {
        const auto samples = (*chunk)->as<float>();
        output.audio.insert(output.audio.end(), samples.begin(), samples.end());
      }
      if ((*chunk)->header().last != 0) {
        --at->second.ports_left;
        settle(at->second);
      }
      changed.notify_all();
    }
  }

  void submit(std::uint64_t number, const std::string& id, const std::string& prompt, const std::optional<stages::SamplingParams>& sampling) {
    for (const stages::StageConfig& s : config.stages) {
      const stages::SamplingParams& p = sampling && s.stage_id == config.stages.front().stage_id ? *sampling : s.sampling;
      const Submit message{number, id, prompt, p.temperature, p.top_p, p.repetition_penalty, p.top_k, p.max_tokens, p.seed, p.stop_token_ids};
      for (const auto& [rank, joined] : ranks)
        if (joined.stage == s.stage_id) caf::anon_send(joined.actor, message);
    }
  }

  Result<void> start();
  template <class Message>
  Result<std::vector<RankTrace>> ask_supervisor(const Message& message);
};

namespace {
OrchestratorActor::behavior_type orchestrator_actor(OrchestratorActor::pointer, std::function<void(const Join&)> joined,
                                                    std::function<void(const StageReport&)> reported) {
  return {[joined](const Join& m) { joined(m); }, [reported](const StageReport& m) { reported(m); }};
}
}  // namespace

Result<void> Omni::State::start() {
  if (auto used = use_broker(pools_for(config)); !used) return used;
  for (const stages::StageConfig& s : config.stages)
    if (s.final_output)
      ports.push_back({s.stage_id, s.final_output_type, std::make_unique<ipc::Subscriber>(topic_to_user(getpid(), s.stage_id), 64), {}});

  const auto token = random_token();
  if (!token) return token.error();
  settings.add_message_types<caf::id_block::limelight>();
  settings.load<caf::io::middleman>();
  settings.set("middleman.app-identifiers", std::vector<std::string>{*token});
  settings.set("scheduler.max-threads", 2);
  system = std::make_unique<caf::actor_system>(settings);
  supervisor = system->spawn(profiling_supervisor);
  orchestrator = system->spawn(
      orchestrator_actor,
      [this](const Join& m) {
        caf::anon_send(supervisor, m);
        const std::lock_guard lock(mutex);
        ranks[m.rank] = m;
        changed.notify_all();
      },
      [this](const StageReport& m) { on_report(m); });
  const auto port = system->middleman().publish(orchestrator, 0, "127.0.0.1");
  if (!port) return Error{ErrorCode::unavailable, "cannot open a port on loopback: " + system->render(port.error())};

  const auto helper = find_helper("limelight-rank");
  const auto folder = ipc::runtime_folder();
  if (!helper) return helper.error();
  if (!folder) return folder.error();
  launcher = std::make_unique<Launcher>(*folder / ("run-" + std::to_string(getpid())), [this](const RankDeath& death) { on_death(death); });
  std::error_code ignored;
  if (auto started = launcher->start(*helper, std::filesystem::absolute(config.file, ignored), config.world_size(), *port, *token); !started)
    return started;
  for (UserPort& user : ports) user.thread = std::thread([this, &user] { receive(user); });

  std::unique_lock lock(mutex);
  const auto up = [this] { return failure.code != ErrorCode::none || ranks.size() == static_cast<std::size_t>(config.world_size()); };
  if (!changed.wait_for(lock, start_timeout, up)) return Error{ErrorCode::timeout, "the ranks did not join within a minute"};
  if (failure.code != ErrorCode::none) return failure;
  return {};
}

Omni::Omni(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Omni>> Omni::from_engine_args(const EngineArgs& args) {
  auto config = stages::parse(args.config);
  if (!config) return config.error();
  auto state = std::make_unique<State>();
  state->args = args;
  state->config = std::move(config).value();
  std::unique_ptr<Omni> omni(new Omni(std::move(state)));
  if (auto started = omni->state_->start(); !started) return started.error();
  return omni;
}

Omni::~Omni() {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    s.ending = true;
    for (const auto& [rank, joined] : s.ranks) caf::anon_send(joined.actor, EndRank{});
  }
  if (s.launcher) s.launcher->shutdown(s.failure.code == ErrorCode::rank_failed ? 0ms : std::chrono::milliseconds(end_grace));
  for (State::UserPort& port : s.ports) {
    port.subscriber->wake();
    if (port.thread.joinable()) port.thread.join();
  }
  s.ports.clear();
  {
    const std::lock_guard lock(s.mutex);
    s.ranks.clear();
  }
  if (s.system) {
    caf::anon_send_exit(s.orchestrator, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(s.supervisor, caf::exit_reason::user_shutdown);
    s.orchestrator = nullptr;
    s.supervisor = nullptr;
    s.system.reset();
  }
}

template <class Message>
Result<std::vector<RankTrace>> Omni::State::ask_supervisor(const Message& message) {
  caf::scoped_actor self(*system);
  std::vector<RankTrace> traces;
  Error error{ErrorCode::none, {}};
  self->request(supervisor, profile_timeout, message)
      .receive(
          [&](const ProfileAnswer& answer) {
            if (!answer.error.empty()) error = {ErrorCode::invalid_argument, answer.error};
            for (const TraceAnswer& r : answer.ranks) traces.push_back({r.rank, r.stage, r.note, r.file, r.events, r.drops, r.bytes});
          },
          [&](const caf::error& failed) { error = {ErrorCode::timeout, "the profiling supervisor: " + system->render(failed)}; });
  if (error.code != ErrorCode::none) return error;
  return traces;
}

Result<std::vector<RankTrace>> Omni::start_profile(const std::vector<int>& stages) {
  return state_->ask_supervisor(StartProfile{{stages.begin(), stages.end()}, state_->args.profile_dir.string()});
}
Result<std::vector<RankTrace>> Omni::stop_profile() { return state_->ask_supervisor(StopProfile{}); }

std::vector<RequestOutput> Omni::generate(const std::vector<std::string>& prompts, const std::optional<stages::SamplingParams>& sampling_params,
                                          const std::function<void(const Progress&)>& on_progress) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  const std::uint64_t first = s.next_number;
  s.next_number += prompts.size();
  std::size_t submitted = 0, done = 0;
  while (done < prompts.size()) {
    std::size_t in_flight = submitted - done;
    for (; submitted < prompts.size() && in_flight < static_cast<std::size_t>(s.config.max_inflight); ++submitted, ++in_flight) {
      const std::uint64_t number = first + submitted;
      State::Pending& request = s.pending[number];
      request.output.request_id = std::to_string(number - 1);
      request.output.prompt = prompts[submitted];
      request.start = Clock::now();
      request.stages_left = s.config.stages.size();
      request.ports_left = s.ports.size();
      if (s.failure.code != ErrorCode::none) s.end_request(request, s.failure);
      else s.submit(number, request.output.request_id, prompts[submitted], sampling_params);
    }
    const auto count = [&] {
      return static_cast<std::size_t>(std::count_if(s.pending.begin(), s.pending.end(), [](const auto& p) { return p.second.over; }));
    };
    s.changed.wait_for(lock, 200ms, [&] { return count() > done; });
    done = count();
    if (on_progress) {
      Progress progress{done, prompts.size(), 0, 0};
      for (const auto& [number, request] : s.pending) {
        progress.text_bytes += request.output.text.size();
        progress.audio_samples += request.output.audio.size();
      }
      on_progress(progress);
    }
  }
  std::vector<RequestOutput> outputs;
  for (auto& [number, request] : s.pending) outputs.push_back(std::move(request.output));
  s.pending.clear();
  return outputs;
}

void Omni::cancel(const std::string& why) { state_->fail({ErrorCode::cancelled, why}); }
const stages::PipelineConfig& Omni::config() const { return state_->config; }
int Omni::rank_pid(int rank) const { return state_->launcher->pid(rank); }

}  // namespace limelight
