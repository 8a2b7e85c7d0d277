#include "actors/node/node_session.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <caf/io/all.hpp>
#include <cctype>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "actors/node/rank_stand_in.hpp"
#include "actors/orchestrator/broker_of_process.hpp"
#include "actors/orchestrator/crossing_relay.hpp"
#include "actors/orchestrator/launcher.hpp"
#include "actors/orchestrator/shm_plan.hpp"
#include "actors/pipeline/local_middleman.hpp"
#include "actors/pipeline/node_middleman.hpp"
#include "actors/pipeline/pools.hpp"
#include "actors/pipeline/protocol.hpp"
#include "actors/pipeline/thread_names.hpp"
#include "base/helper.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "ipc/network/passed_descriptor.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::actors {

namespace fs = std::filesystem;
namespace prof = limelight::profiling;
using namespace std::chrono_literals;

namespace {

constexpr auto prepare_time = 60s;  // until the orchestrator has said what is wanted
constexpr std::chrono::milliseconds orphan_grace = 500ms;
constexpr std::size_t piece_bytes = 1 << 20;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class Session {
 public:
  Session(ipc::Socket agent, std::string run, ipc::Token token)
      : agent_(std::move(agent)), run_(std::move(run)), token_(std::move(token)) {}

  int serve();
  NodeAnswer prepare(const PrepareNode& message);
  NodeAnswer start_rank(const StartRank& message);
  void kill(int rank) {
    const std::lock_guard lock(mutex_);
    if (launcher_) launcher_->kill(rank);
  }
  void consumer_replaced(const ReplicaAnew& m) {
    const std::lock_guard lock(mutex_);
    for (const auto& relay : relays_) relay->consumer_replaced(m.stage, m.replica);
  }
  void set_clock(const SetClock& m) {
    prof::set_host_clock({m.offset_ns, m.error_ns});
    const std::lock_guard lock(mutex_);
    for (const auto& [rank, actor] : ranks_) caf::anon_send(actor, m);
  }
  NodeAnswer end_ranks(std::chrono::milliseconds grace) {
    if (launcher_) launcher_->shutdown(grace);
    return {};
  }
  TracePart read_trace(const ReadTrace& m);
  void join(Join joined);
  template <class Message>
  void tell(const Message& message) {
    const std::lock_guard lock(mutex_);
    if (orchestrator_) caf::anon_send(orchestrator_, message);
  }
  void end() {
    ended_ = true;
    agent_.shutdown();
  }

 private:
  Result<std::vector<std::int32_t>> prepared(const PrepareNode& message);
  Result<void> open_relays(const PrepareNode& message);
  void take_over(const std::vector<std::string>& purpose, ipc::Socket socket);

  ipc::Socket agent_;
  const std::string run_;
  const ipc::Token token_;
  std::atomic<bool> ended_ = false, is_prepared_ = false;
  caf::actor_system_config settings_;
  std::unique_ptr<caf::actor_system> system_;
  OrchestratorActor front_;
  fs::path folder_;
  stages::PipelineConfig config_;
  std::string node_;
  std::unique_ptr<Launcher> launcher_;

  std::mutex mutex_;  // guards the following
  OrchestratorActor orchestrator_;
  std::map<int, RankActor> ranks_;
  std::vector<std::unique_ptr<CrossingRelay>> relays_;
  std::map<std::string, std::shared_ptr<ipc::ComingConnections>> coming_;  // by topic
  std::vector<std::pair<std::vector<std::string>, ipc::Socket>> early_;    // before prepare()
  std::set<std::string> traces_;
};

OrchestratorActor::behavior_type front_actor(OrchestratorActor::pointer, Session* session) {
  return {[=](Join& m) { session->join(std::move(m)); },
          [=](const StageReport& m) { session->tell(m); },
          [=](const HeldBack& m) { session->tell(m); }, [](const RankGone&) {}};
}

NodeActor::behavior_type node_actor(NodeActor::pointer self, Session* session) {
  self->set_down_handler([session](const caf::down_msg&) { session->end(); });
  return {[=](const PrepareNode& m) {
            self->monitor(m.orchestrator);
            return session->prepare(m);
          },
          [=](const StartRank& m) { return session->start_rank(m); },
          [=](const EndRanks& m) {
            return session->end_ranks(
                std::chrono::milliseconds(std::min<std::uint64_t>(m.grace_ms, 60'000)));
          },
          [=](const ReadTrace& m) { return session->read_trace(m); },
          [=](const KillRank& m) { session->kill(m.rank); },
          [=](const ReplicaAnew& m) { session->consumer_replaced(m); },
          [=](const SetClock& m) { session->set_clock(m); }};
}

void Session::join(Join joined) {
  const std::lock_guard lock(mutex_);
  if (!orchestrator_) return;
  ranks_[joined.rank] = joined.actor;
  joined.actor =
      system_->spawn(rank_stand_in, joined.actor, node_, [this](const std::string& file) {
        const std::lock_guard guard(mutex_);
        traces_.insert(file);
      });
  if (!joined.startup_trace.empty()) joined.startup_trace = node_ + ":" + joined.startup_trace;
  caf::anon_send(orchestrator_, joined);
}

// The relays of this machine's ends. Of a channel from here to a third machine this side connects.
Result<void> Session::open_relays(const PrepareNode& message) {
  for (const Crossing& crossing : crossings(config_)) {
    if (crossing.from != node_ && crossing.to != node_) continue;
    const bool sends = crossing.from == node_;
    std::shared_ptr<ipc::RelaySource> source;
    const auto dialled =
        std::find_if(message.channels.begin(), message.channels.end(),
                     [&](const DialledChannel& one) { return one.topic == crossing.topic; });
    if (dialled != message.channels.end()) {
      const auto address = ipc::parse_address(dialled->address);
      if (!address) return address.error();
      source = std::make_shared<ipc::DialledConnections>(
          "channel " + crossing.topic,
          [address = *address, this, purpose = purpose_channel(dialled->run, crossing.topic)] {
            return dial_node(address, token_, purpose);
          });
    } else {
      const auto coming = std::make_shared<ipc::ComingConnections>();
      coming_[crossing.topic] = coming;
      source = coming;
    }
    auto relay = CrossingRelay::open(crossing, message.run, sends, source);
    if (!relay) return relay.error();
    relays_.push_back(std::move(relay).value());
  }
  return {};
}

Result<std::vector<std::int32_t>> Session::prepared(const PrepareNode& m) {
  if (launcher_ || m.run != run_)
    return Error{ErrorCode::invalid_argument, "run " + m.run + ": this session is of " + run_};
  const auto runtime = ipc::runtime_folder();
  if (!runtime) return runtime.error();
  remove_dead_runs(*runtime);
  const std::string name = "run-" + std::to_string(::getpid()) + "-node";
  folder_ = *runtime / name;
  std::error_code failed;
  fs::create_directories(folder_, failed);
  const fs::path file = folder_ / "config.yaml";
  if (std::ofstream out(file, std::ios::binary); !(out << m.config_text << std::flush))
    return Error{ErrorCode::io, file.string() + ": cannot be written"};
  auto config = stages::parse(file);
  if (!config) return config.error();
  config_ = std::move(config).value();
  node_ = m.node;
  for (const int rank : m.ranks)
    if (config_.stage_of(rank) == nullptr || node_of_rank(config_, rank) != node_)
      return Error{ErrorCode::invalid_argument,
                   "rank " + std::to_string(rank) + ": it is not of the node " + node_};
  // At the first call, the length of a tick is measured: before the clock is moved.
  (void)prof::ticks_to_ns(1);
  prof::set_host_clock({m.clock.offset_ns, m.clock.error_ns});
  const bool flight = m.flight_ms > 0;
  if (const auto broker = use_broker(pools_for(config_), needs_beside_broker(config_, flight));
      !broker)
    return broker.error();
  const auto helper = find_helper("limelight-rank");
  if (!helper) return helper.error();
  auto launcher = std::make_unique<Launcher>(folder_, [this](const RankDeath& death) {
    std::error_code ignored;
    fs::remove(flight_file(run_, death.rank), ignored);
    tell(RankGone{death.rank, death.pid, death.cause, death.log_tail});
  });
  const fs::path control = *runtime / (name + ".control");
  Launcher* known = launcher.get();
  LIMELIGHT_TRY(publish_local(front_, control, [known](const PeerCredentials& peer) {
    return same_user(peer) && known->started(peer.pid);
  }));
  RankProgram program{.executable = *helper,
                      .config = file,
                      .control = control,
                      .run = m.run,
                      .flight = std::chrono::milliseconds(m.flight_ms),
                      .flight_records = flight ? flight_records(config_) : 0,
                      .env = {},
                      .elsewhere = {},
                      .incarnation = m.incarnation,
                      .absent = m.absent};
  const std::string clock =
      std::to_string(m.clock.offset_ns) + "," + std::to_string(m.clock.error_ns);
  for (int rank = 0; rank < config_.world_size(); ++rank) {
    const auto own = m.env.find(rank);
    program.env.push_back(own == m.env.end() ? std::map<std::string, std::string>() : own->second);
    program.env.back()[prof::host_clock_variable] = clock;
    if (std::find(m.ranks.begin(), m.ranks.end(), rank) == m.ranks.end())
      program.elsewhere.push_back(rank);
  }
  const std::lock_guard lock(mutex_);
  orchestrator_ = m.orchestrator;
  launcher_ = std::move(launcher);
  LIMELIGHT_TRY(open_relays(m));
  LIMELIGHT_TRY(launcher_->start(program, config_.world_size()));
  std::vector<std::int32_t> pids;
  for (const int rank : m.ranks) pids.push_back(launcher_->pid(rank));
  return pids;
}

NodeAnswer Session::prepare(const PrepareNode& message) {
  const auto pids = prepared(message);
  if (!pids) {
    log(LogLevel::error, "run " + run_ + ": " + pids.error().message);
    return {.error = pids.error(), .pids = {}};
  }
  is_prepared_ = true;
  std::vector<std::pair<std::vector<std::string>, ipc::Socket>> early;
  {
    const std::lock_guard lock(mutex_);
    early.swap(early_);
  }
  for (auto& [purpose, socket] : early) take_over(purpose, std::move(socket));
  return {.error = {ErrorCode::none, {}}, .pids = *pids};
}

NodeAnswer Session::start_rank(const StartRank& m) {
  const auto refused = [](Error error) {
    return NodeAnswer{.error = std::move(error), .pids = {}};
  };
  if (!is_prepared_ || m.rank < 0 || m.rank >= config_.world_size() ||
      node_of_rank(config_, m.rank) != node_)
    return refused({ErrorCode::invalid_argument,
                    "rank " + std::to_string(m.rank) + ": it is not of this node"});
  const auto done = launcher_->restart(m.rank, m.incarnation, m.absent);
  if (!done) return refused(done.error());
  return {.error = {ErrorCode::none, {}}, .pids = {launcher_->pid(m.rank)}};
}

TracePart Session::read_trace(const ReadTrace& m) {
  const auto failed = [&](const char* why) {
    return TracePart{.error = {ErrorCode::not_found, m.path + ": " + why}, .bytes = {}};
  };
  {
    const std::lock_guard lock(mutex_);
    if (!traces_.contains(m.path)) return failed("is no trace of this run");
  }
  std::ifstream in(m.path, std::ios::binary);
  if (!in) return failed("cannot be read");
  in.seekg(static_cast<std::streamoff>(m.offset));
  TracePart part;
  part.bytes.resize(piece_bytes);
  in.read(part.bytes.data(), static_cast<std::streamsize>(part.bytes.size()));
  part.bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return part;
}

// A connection of the run: to a channel.
void Session::take_over(const std::vector<std::string>& purpose, ipc::Socket socket) {
  const std::lock_guard lock(mutex_);
  if (!is_prepared_) {
    early_.emplace_back(purpose, std::move(socket));
    return;
  }
  const auto at = purpose.size() == 3 ? coming_.find(purpose[2]) : coming_.end();
  if (at != coming_.end()) return at->second->add(std::move(socket));
  log(LogLevel::warning, "run " + run_ +
                             ": found a connection for a channel that it does not have" +
                             (purpose.size() == 3 ? ", " + purpose[2] : ""));
}

int Session::serve() {
  auto first = ipc::receive_descriptor(agent_);
  if (!first) {
    log(LogLevel::error, "run " + run_ + ": " + first.error().message);
    return 1;
  }
  settings_.add_message_types<caf::id_block::limelight>();
  settings_.load<caf::io::middleman>();
  // The orchestrator's, and that of the ranks here.
  settings_.set(
      "middleman.app-identifiers",
      std::vector<std::string>{application_name(run_of_all(run_)), application_name(run_)});
  settings_.set("middleman.workers", std::size_t{0});
  settings_.set("scheduler.max-threads", 2);
  settings_.set("scheduler.policy", caf::atom("sharing"));
  name_actor_threads(settings_);
  system_ = std::make_unique<caf::actor_system>(settings_);
  name_network_thread(*system_);
  front_ = system_->spawn(front_actor, this);
  const NodeActor node = system_->spawn<caf::detached>(node_actor, this);
  // CAF reads from it; its end is seen here also before the orchestrator has said who it is.
  const ipc::Socket control(::dup(first->socket.fd()));
  if (const auto done = publish_to(node, std::move(first->socket)); !done) {
    log(LogLevel::error, "run " + run_ + ": " + done.error().message);
    return 1;
  }
  const auto begun = std::chrono::steady_clock::now();
  while (!ended_) {
    std::array<pollfd, 2> waiting{{{agent_.fd(), POLLIN, 0}, {control.fd(), POLLRDHUP, 0}}};
    const int ready = ::poll(waiting.data(), waiting.size(), is_prepared_ ? -1 : 1000);
    if (!is_prepared_ && std::chrono::steady_clock::now() - begun > prepare_time) break;
    if (ready > 0 && waiting[1].revents != 0) break;
    if (ready <= 0 || waiting[0].revents == 0) continue;
    auto passed = ipc::receive_descriptor(agent_);
    if (!passed) {
      if (passed.error().code == ErrorCode::corrupt) continue;
      break;
    }
    take_over(lines_of(passed->text), std::move(passed->socket));
  }
  if (launcher_) launcher_->shutdown(orphan_grace);
  std::error_code ignored;
  if (!folder_.empty()) {
    fs::remove_all(folder_, ignored);
    fs::remove(folder_.string() + ".control", ignored);
  }
  return 0;
}

}  // namespace

int run_node_session(int agent_fd, const std::string& run, const fs::path& token_file) {
  ipc::Socket agent(agent_fd);
  auto token = ipc::Token::read(token_file);
  if (!token) {
    log(LogLevel::error, token.error().message);
    return 1;
  }
  auto* session = new Session(std::move(agent), run, std::move(token).value());
  const int status = session->serve();
  // Whatever still runs is of no use to anybody, and may wait for the one who is gone.
  std::fflush(nullptr);
  std::_Exit(status);
}

}  // namespace limelight::actors
