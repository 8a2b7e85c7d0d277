#include "actors/orchestrator/node_link.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "actors/orchestrator/crossing_relay.hpp"
#include "actors/orchestrator/fetched_file.hpp"
#include "actors/pipeline/node_middleman.hpp"
#include "actors/pipeline/placement.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "ipc/network/clock_probe.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto prepare_time = 60s, start_time = 10s;
// How long restart() waits for a machine that is away, and how often it looks.
constexpr auto return_time = 30s;
constexpr auto look_interval = 250ms;
// Of the measurement of the clock.
constexpr int first_probes = 32, later_probes = 8;
constexpr auto clock_interval = 1s;

struct Restart {
  int rank = 0, incarnation = 0;
  std::string absent;
  std::chrono::steady_clock::time_point until;
};

}  // namespace

struct NodeLink::State {
  struct Rank {
    int pid = 0;
    bool runs = false;
  };
  caf::actor_system& system;
  OrchestratorActor orchestrator;
  Options options;
  std::function<void(const RankDeath&)> on_death;
  std::string run_there;
  std::string where;                                        // for messages: name and address
  std::vector<std::unique_ptr<CrossingRelay>> relays = {};  // made by start() alone
  std::weak_ptr<State> self = {};

  mutable std::mutex mutex = {};  // guards the following
  std::condition_variable changed = {};
  NodeActor node = {};
  caf::actor watcher = {};
  int connection = 0;  // how often there was one
  std::map<int, Rank> ranks = {};
  std::deque<Restart> restarts = {};
  ipc::ClockFilter filter = {};
  SetClock clock = {};
  bool ending = false;
  std::thread worker = {}, timekeeper = {};

  Result<void> measure(ipc::Socket& socket, int probes);
  Result<void> connect(const std::vector<std::int32_t>& first,
                       int incarnation,
                       const std::string& absent);
  Result<void> open_relays();
  std::vector<DialledChannel> channels_to_others() const;
  NodeAnswer ask(const auto& message, std::chrono::milliseconds patience);
  void lost(int which);
  void report(int rank, int pid, const std::string& cause, const std::string& tail = {});
  void work();
  void keep_time();
  bool try_restart(const Restart& job, Error& error);
};

Result<void> NodeLink::State::measure(ipc::Socket& socket, int probes) {
  if (!socket) {
    auto dialled = dial_node(options.address, options.token, purpose_clock);
    if (!dialled) return dialled.error();
    socket = std::move(dialled).value();
    probes = first_probes;
  }
  auto samples = ipc::probe_clock(socket, probes, prof::realtime_ns);
  if (!samples) {
    socket = ipc::Socket();
    return samples.error();
  }
  const std::lock_guard lock(mutex);
  for (const ipc::ClockSample& sample : *samples) filter.add(sample);
  const auto now = filter.at(prof::realtime_ns());
  clock = {now.offset_ns, now.error_ns};
  return {};
}

NodeAnswer NodeLink::State::ask(const auto& message, std::chrono::milliseconds patience) {
  NodeActor to;
  {
    const std::lock_guard lock(mutex);
    to = node;
  }
  NodeAnswer answer;
  if (!to) return {.error = {ErrorCode::rank_failed, where + " is lost"}, .pids = {}};
  caf::scoped_actor self(system, true);
  self->request(to, patience, message)
      .receive([&](NodeAnswer& said) { answer = std::move(said); },
               [&](const caf::error& failed) {
                 answer.error = {ErrorCode::rank_failed,
                                 where + " does not answer: " + system.render(failed)};
               });
  if (answer.error.code != ErrorCode::none && !answer.error.message.starts_with(where))
    answer.error.message = where + ": " + answer.error.message;
  return answer;
}

std::vector<DialledChannel> NodeLink::State::channels_to_others() const {
  std::vector<DialledChannel> channels;
  for (const Crossing& one : crossings(*options.config))
    if (one.from == options.name && !one.to.empty())
      channels.push_back({.topic = one.topic,
                          .address = options.config->nodes.at(one.to),
                          .run = run_on(*options.config, options.run, one.to),
                          .max_bytes = one.max_bytes,
                          .window = static_cast<std::uint32_t>(one.window)});
  return channels;
}

// first: the ranks that are started with it.
Result<void> NodeLink::State::connect(const std::vector<std::int32_t>& first,
                                      int incarnation,
                                      const std::string& absent) {
  ipc::Socket for_time;
  LIMELIGHT_TRY(measure(for_time, first_probes));
  std::string machine;
  auto socket = dial_node(options.address, options.token, purpose_run(run_there), &machine);
  if (!socket) return socket.error();
  auto actor = connect_over<NodeActor>(system, std::move(socket).value(), where);
  if (!actor) return actor.error();
  int which = 0;
  {
    const std::lock_guard lock(mutex);
    node = *actor;
    which = ++connection;
  }
  log(LogLevel::info, where + ": " + machine);
  auto watch = system.spawn([link = self, which, to = *actor](caf::event_based_actor* me) {
    me->monitor(to);
    me->set_down_handler([link, which, me](const caf::down_msg&) {
      if (const auto state = link.lock()) state->lost(which);
      me->quit();
    });
    return caf::behavior{[](caf::unit_t) {}};
  });
  {
    const std::lock_guard lock(mutex);
    watcher = watch;
  }
  SetClock now;
  {
    const std::lock_guard lock(mutex);
    now = clock;
  }
  const NodeAnswer answer =
      ask(PrepareNode{.node = options.name,
                      .run = run_there,
                      .config_text = options.config_text,
                      .ranks = first,
                      .env = options.env,
                      .incarnation = incarnation,
                      .absent = absent,
                      .flight_ms = static_cast<std::uint64_t>(options.flight.count()),
                      .clock = now,
                      .channels = channels_to_others(),
                      .orchestrator = orchestrator},
          prepare_time);
  if (answer.error.code != ErrorCode::none) return answer.error;
  const std::lock_guard lock(mutex);
  for (std::size_t i = 0; i < first.size() && i < answer.pids.size(); ++i)
    ranks[first[i]] = {answer.pids[i], true};
  return {};
}

Result<void> NodeLink::State::open_relays() {
  for (const Crossing& one : crossings(*options.config)) {
    const bool sends = one.from.empty() && one.to == options.name;
    if (!sends && !(one.to.empty() && one.from == options.name)) continue;
    auto source = std::make_shared<ipc::DialledConnections>(
        "channel " + one.topic + " of " + where,
        [this, purpose = purpose_channel(run_there, one.topic)] {
          return dial_node(options.address, options.token, purpose);
        });
    auto relay = CrossingRelay::open(one, options.run, sends, source);
    if (!relay) return relay.error();
    relays.push_back(std::move(relay).value());
  }
  return {};
}

// Outside of the lock, since whoever hears of it may call.
void NodeLink::State::report(int rank, int pid, const std::string& cause, const std::string& tail) {
  on_death({rank, pid, cause, tail});
}

void NodeLink::State::lost(int which) {
  std::vector<std::pair<int, int>> died;
  {
    const std::lock_guard lock(mutex);
    if (which != connection || ending || !node) return;
    node = nullptr;
    for (auto& [number, rank] : ranks)
      if (std::exchange(rank.runs, false)) died.emplace_back(number, rank.pid);
  }
  for (const auto& [rank, pid] : died)
    report(rank, pid, where + " is lost: the connection has ended", "(its log is on that machine)");
}

// One try. True: it is started, or never will be, which `error` says.
bool NodeLink::State::try_restart(const Restart& job, Error& error) {
  bool connected = false;
  {
    const std::lock_guard lock(mutex);
    connected = static_cast<bool>(node);
  }
  if (!connected) {
    const auto done = connect({job.rank}, job.incarnation, job.absent);
    if (done) return true;
    error = done.error();
    const std::lock_guard lock(mutex);
    // What was refused once it was there will be refused again.
    const bool refused = static_cast<bool>(node);
    node = nullptr;
    return refused || std::chrono::steady_clock::now() >= job.until;
  }
  const NodeAnswer answer = ask(StartRank{job.rank, job.incarnation, job.absent}, start_time);
  error = answer.error;
  if (error.code != ErrorCode::none) return true;
  const std::lock_guard lock(mutex);
  if (!answer.pids.empty()) ranks[job.rank] = {answer.pids.front(), true};
  return true;
}

void NodeLink::State::work() {
  std::unique_lock lock(mutex);
  while (!ending) {
    if (restarts.empty()) {
      changed.wait(lock);
      continue;
    }
    const Restart job = restarts.front();
    lock.unlock();
    Error error{ErrorCode::none, {}};
    const bool over = try_restart(job, error);
    lock.lock();
    const bool still_wanted = !restarts.empty() && restarts.front().rank == job.rank &&
                              restarts.front().incarnation == job.incarnation;
    if (!over) {
      if (still_wanted) changed.wait_for(lock, look_interval);
      continue;
    }
    if (still_wanted) restarts.pop_front();
    if (error.code == ErrorCode::none || !still_wanted) continue;
    lock.unlock();
    report(job.rank, 0, "cannot be started: " + error.message);
    lock.lock();
  }
}

void NodeLink::State::keep_time() {
  ipc::Socket socket;
  std::unique_lock lock(mutex);
  while (!ending) {
    changed.wait_for(lock, clock_interval);
    if (ending || !node) continue;
    lock.unlock();
    const auto measured = measure(socket, later_probes);
    lock.lock();
    if (measured && node) caf::anon_send(node, clock);
  }
}

NodeLink::NodeLink(caf::actor_system& system,
                   OrchestratorActor orchestrator,
                   Options options,
                   std::function<void(const RankDeath&)> on_death)
    : state_(new State{.system = system,
                       .orchestrator = std::move(orchestrator),
                       .options = std::move(options),
                       .on_death = std::move(on_death),
                       .run_there = {},
                       .where = {}}) {
  State& s = *state_;
  s.self = state_;
  s.run_there = run_on(*s.options.config, s.options.run, s.options.name);
  s.where = "node " + s.options.name + " (" + s.options.address.text() + ")";
  for (int rank = 0; rank < s.options.config->world_size(); ++rank)
    if (node_of_rank(*s.options.config, rank) == s.options.name) s.ranks[rank] = {};
}

NodeLink::~NodeLink() { shutdown(0ms); }

Result<void> NodeLink::start() {
  State& s = *state_;
  std::vector<std::int32_t> all;
  for (const auto& [number, rank] : s.ranks) all.push_back(number);
  LIMELIGHT_TRY(s.connect(all, 0, ""));
  LIMELIGHT_TRY(s.open_relays());
  s.worker = std::thread([this] {
    prof::name_thread("node: restarts");
    state_->work();
  });
  s.timekeeper = std::thread([this] {
    prof::name_thread("node: clock");
    state_->keep_time();
  });
  return {};
}

bool NodeLink::has(int rank) const {
  const std::lock_guard lock(state_->mutex);
  return state_->ranks.contains(rank);
}
int NodeLink::pid(int rank) const {
  const std::lock_guard lock(state_->mutex);
  return state_->ranks.at(rank).pid;
}
SetClock NodeLink::clock() const {
  const std::lock_guard lock(state_->mutex);
  return state_->clock;
}

void NodeLink::restart(int rank, int incarnation, const std::string& absent) {
  const std::lock_guard lock(state_->mutex);
  state_->restarts.push_back(
      {rank, incarnation, absent, std::chrono::steady_clock::now() + return_time});
  state_->changed.notify_all();
}

void NodeLink::kill(int rank) {
  const std::lock_guard lock(state_->mutex);
  if (state_->node) caf::anon_send(state_->node, KillRank{rank});
  // One that waits for its machine has no process; the worker says that it is gone.
  for (Restart& job : state_->restarts)
    if (job.rank == rank) job.until = {};
  state_->changed.notify_all();
}

void NodeLink::gone(const RankGone& m) {
  {
    const std::lock_guard lock(state_->mutex);
    const auto at = state_->ranks.find(m.rank);
    if (at == state_->ranks.end() || !std::exchange(at->second.runs, false)) return;
  }
  state_->report(m.rank, m.pid, m.cause + ", on " + state_->where, m.log_tail);
}

void NodeLink::consumer_replaced(int stage, int replica) {
  for (const auto& relay : state_->relays) relay->consumer_replaced(stage, replica);
  const std::lock_guard lock(state_->mutex);
  if (state_->node) caf::anon_send(state_->node, ReplicaAnew{stage, replica});
}

Result<fs::path> NodeLink::fetch(const std::string& path, const fs::path& folder) {
  NodeActor to;
  {
    const std::lock_guard lock(state_->mutex);
    to = state_->node;
  }
  if (!to) return Error{ErrorCode::rank_failed, state_->where + " is lost"};
  return fetch_file(state_->system, to, state_->where, path, folder);
}

void NodeLink::shutdown(std::chrono::milliseconds grace) {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    if (std::exchange(s.ending, true)) return;
    s.changed.notify_all();
  }
  if (s.worker.joinable()) s.worker.join();
  if (s.timekeeper.joinable()) s.timekeeper.join();
  s.relays.clear();
  if (grace.count() > 0)
    (void)s.ask(EndRanks{static_cast<std::uint64_t>(grace.count())}, grace + 2s);
  caf::actor watch;
  {
    const std::lock_guard lock(s.mutex);
    watch = std::exchange(s.watcher, nullptr);
    s.node = nullptr;
  }
  if (watch) caf::anon_send_exit(watch, caf::exit_reason::user_shutdown);
  s.orchestrator = nullptr;
}

}  // namespace limelight::actors
