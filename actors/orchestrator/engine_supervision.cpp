#include <algorithm>

#include "actors/orchestrator/engine_state.hpp"
#include "actors/pipeline/topics.hpp"
#include "base/log.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::actors {

namespace {

// How often a request is tried again that has to wait until others' attachments were read.
constexpr std::chrono::milliseconds memory_interval{10};

ReplicaPhase public_phase(const ReplicaLife& life) {
  switch (life.phase()) {
    case ReplicaLife::Phase::starting:
      return life.incarnation() == 0 ? ReplicaPhase::starting : ReplicaPhase::restarting;
    case ReplicaLife::Phase::serving: return ReplicaPhase::serving;
    case ReplicaLife::Phase::given_up: return ReplicaPhase::given_up;
    default: return ReplicaPhase::restarting;
  }
}

std::string end_of_log(const std::string& tail) {
  return tail.empty() ? "; its log is empty" : "; its log ends:\n" + tail;
}

}  // namespace

Engine::State::ReplicaState& Engine::State::replica_of(int rank) {
  return *std::find_if(replicas.rbegin(), replicas.rend(), [rank](const ReplicaState& one) {
    return one.life.replica().first_rank <= rank;
  });
}

Engine::State::ReplicaState& Engine::State::replica_at(std::size_t place, int index) {
  const int stage = config.stages[place].stage_id;
  return *std::find_if(replicas.begin(), replicas.end(), [&](const ReplicaState& one) {
    return one.life.replica().stage_id == stage && one.life.replica().index == index;
  });
}

std::string Engine::State::name_replica(const stages::Replica& replica) const {
  const stages::StageConfig& stage = *config.find(replica.stage_id);
  return "stage " + std::to_string(stage.stage_id) + " (" + stage.model_stage + ")" +
         (stage.num_replicas > 1 ? ", replica " + std::to_string(replica.index) : "");
}

std::string Engine::State::name_rank(int rank, int pid) const {
  const auto replica = config.replica_of(rank);
  return (replica ? name_replica(*replica) + ", " : "") + "rank " + std::to_string(rank) +
         ", pid " + std::to_string(pid);
}

// The replica to blame, if all of the stage were given up.
const Engine::State::ReplicaState* Engine::State::lost_stage(std::size_t place) const {
  const ReplicaState* lost = nullptr;
  for (const ReplicaState& one : replicas) {
    if (one.life.replica().stage_id != config.stages[place].stage_id) continue;
    if (one.life.phase() != ReplicaLife::Phase::given_up) return nullptr;
    lost = &one;
  }
  return lost;
}

Error Engine::State::given_up(const ReplicaState& replica) const {
  return {ErrorCode::rank_failed, name_replica(replica.life.replica()) + " was given up after " +
                                      std::to_string(config.supervision.max_failures) +
                                      " failures within " +
                                      std::to_string(config.supervision.failure_window.count()) +
                                      " ms; the last one: " + replica.last_failure};
}

PipelineStatus Engine::State::status() const {
  PipelineStatus status;
  status.running = tickets.size();
  status.waiting = open.size() - std::min(open.size(), tickets.size());
  for (const ReplicaState& one : replicas) {
    const ReplicaPhase phase = public_phase(one.life);
    if (phase != ReplicaPhase::serving) status.health = Health::degraded;
    status.replicas.push_back({.stage_id = one.life.replica().stage_id,
                               .replica = one.life.replica().index,
                               .phase = phase,
                               .restarts = one.life.incarnation(),
                               .requests = one.requests,
                               .kv_blocks = one.kv_blocks,
                               .used_kv_blocks = one.used_kv_blocks,
                               .last_failure = one.last_failure});
  }
  // An output can be had if no stage that it needs is lost.
  bool some_output = false;
  std::string why;
  for (const stages::StageConfig& user : config.stages) {
    if (user.user_output < 0) continue;
    const auto needs = needs_of(config, {user.final_output_type});
    const ReplicaState* lost = nullptr;
    for (std::size_t place = 0; place < config.stages.size() && lost == nullptr; ++place)
      if (needs->stages[place]) lost = lost_stage(place);
    if (lost != nullptr) why = given_up(*lost).message;
    else some_output = true;
  }
  const Error& all = failure.code != ErrorCode::none ? failure : broker_failure;
  if (all.code != ErrorCode::none) why = all.message;
  if (!some_output || all.code != ErrorCode::none) {
    status.health = Health::failed;
    status.why = why;
  }
  return status;
}

void Engine::State::change_status() {
  status_changed = true;
  supervise.notify_one();
}

// What the replica works on has failed with it, and its other ranks are of no use. False: that is
// known.
bool Engine::State::fail_replica(int rank, const Error& error) {
  if (ending || failure.code != ErrorCode::none) return false;
  ReplicaState& replica = replica_of(rank);
  if (!replica.life.failed(Clock::now())) return false;
  replica.last_failure = error.message;
  replica.kv_blocks = replica.used_kv_blocks = 0;
  if (wants_traces()) dump_if_due("a rank failed");
  const stages::Replica& it = replica.life.replica();
  for (int i = it.first_rank; i < it.first_rank + it.ranks; ++i) {
    const auto there = ranks.find(i);
    if (there == ranks.end()) continue;
    if (i != rank) caf::anon_send(there->second.actor, EndRank{});
    ranks.erase(there);
  }
  lose_requests(replica, error);
  change_status();
  admit();
  return true;
}

// Requests that the replica has not reported: begun anew if that harms nobody, else failed.
void Engine::State::lose_requests(const ReplicaState& replica, const Error& error) {
  const std::size_t place = config.place(replica.life.replica().stage_id);
  std::size_t failed = 0, again = 0;
  for (auto at = open.begin(); at != open.end();) {
    const auto here = at++;
    PendingRequest& request = here->second;
    if (!request.admitted() || !request.stages_left[place] ||
        request.replicas[place] != replica.life.replica().index)
      continue;
    tell_cancel(request, replica.life.replica().stage_id);
    if (request.delivered || request.output.retries >= config.supervision.max_retries) {
      ++failed;
      finish(here, error);
      continue;
    }
    ++again;
    ++request.output.retries;
    withdraw(request);
    request.output.stages.clear();
    request.output.transfers.clear();
    request.logprobs.clear();
  }
  log(LogLevel::warning, error.message + "\nrequests that it worked on: " + std::to_string(failed) +
                             " failed, " + std::to_string(again) + " are begun anew");
}

void Engine::State::on_death(const RankDeath& death) {
  const CafVisit visit;
  const Error error{ErrorCode::rank_failed, name_rank(death.rank, death.pid) + ": " + death.cause +
                                                end_of_log(death.log_tail)};
  bool news = false, for_good = false;
  {
    const std::lock_guard lock(mutex);
    for_good = !started;
    if (!for_good) news = fail_replica(death.rank, error);
  }
  if (for_good) fail(error);
  if (for_good || news) salvage(death.rank, prof::Owner::gone);
  std::error_code ignored;
  std::filesystem::remove(flight_file(run, death.rank), ignored);
  const std::lock_guard lock(mutex);
  ReplicaState& replica = replica_of(death.rank);
  replica.life.gone(death.rank, Clock::now());
  if (replica.life.phase() == ReplicaLife::Phase::given_up) {
    log(LogLevel::error, given_up(replica).message);
    change_status();
    admit();  // refuses what cannot be served any more
  }
  supervise.notify_one();
}

void Engine::State::on_silence(const Join& rank, std::chrono::milliseconds silent) {
  const CafVisit visit;
  const std::string tail = launcher->log_tail(rank.rank);
  bool news = false;
  {
    const std::lock_guard lock(mutex);
    const auto there = ranks.find(rank.rank);
    if (there == ranks.end() || there->second.incarnation != rank.incarnation) return;
    // It is ended also where the pipeline has failed before, so that nobody waits for its answers.
    news = fail_replica(rank.rank, {ErrorCode::rank_failed,
                                    name_rank(rank.rank, rank.pid) + ": did not answer for " +
                                        std::to_string(silent.count()) +
                                        " ms, though its process is there" + end_of_log(tail)});
  }
  if (news) salvage(rank.rank, prof::Owner::silent);
  launcher->kill(rank.rank);
}

// The ranks of a replica share the heads of its caches, so each has the same blocks.
void Engine::State::on_sign(const Join& rank, const Pong& sign) {
  const std::lock_guard lock(mutex);
  const auto there = ranks.find(rank.rank);
  if (there == ranks.end() || there->second.incarnation != rank.incarnation) return;
  ReplicaState& replica = replica_of(rank.rank);
  if (replica.life.replica().first_rank != rank.rank) return;
  replica.kv_blocks = sign.kv_blocks;
  replica.used_kv_blocks = sign.used_kv_blocks;
}

void Engine::State::on_join(const Join& joined_rank) {
  if (!joined_rank.startup_trace.empty()) {
    tell_trace({.rank = joined_rank.rank, .file = joined_rank.startup_trace});
    log(LogLevel::info,
        "the start of rank " + std::to_string(joined_rank.rank) + ": " + joined_rank.startup_trace);
  }
  const std::lock_guard lock(mutex);
  if (joined_rank.rank < 0 || joined_rank.rank >= config.world_size()) return;
  ReplicaState& replica = replica_of(joined_rank.rank);
  const stages::Replica& it = replica.life.replica();
  if (joined_rank.incarnation != replica.life.incarnation() ||
      replica.life.phase() != ReplicaLife::Phase::starting)
    return;
  ranks[joined_rank.rank] = joined_rank;
  caf::anon_send(supervisor, joined_rank);
  if (heartbeats) caf::anon_send(heartbeats, joined_rank);
  if (replica.life.joined(joined_rank.rank, joined_rank.incarnation, Clock::now()) &&
      joined_rank.incarnation > 0) {
    for (const auto& [rank, there] : ranks)
      caf::anon_send(there.actor, ReplicaAnew{it.stage_id, it.index});
    attachments.consumer_replaced(it.stage_id, it.index);
    launcher->consumer_replaced(it.stage_id, it.index);
    log(LogLevel::warning, name_replica(it) + " serves again (restart " +
                               std::to_string(replica.life.incarnation()) + ")");
    change_status();
    admit();
  }
  joined.notify_all();
}

void Engine::State::start_again(ReplicaState& replica) {
  const stages::Replica& it = replica.life.replica();
  std::error_code ignored;
  std::filesystem::remove(
      "/dev/shm/" + group_name(run, {it.stage_id, it.index}, replica.life.incarnation() - 1),
      ignored);
  std::string absent;
  for (const ReplicaState& other : replicas) {
    const ReplicaLife::Phase phase = other.life.phase();
    if (phase != ReplicaLife::Phase::starting && phase != ReplicaLife::Phase::serving)
      absent += (absent.empty() ? "" : ",") + std::to_string(other.life.replica().stage_id) + "." +
                std::to_string(other.life.replica().index);
  }
  for (int rank = it.first_rank; rank < it.first_rank + it.ranks; ++rank) {
    const auto begun = launcher->restart(rank, replica.life.incarnation(), absent);
    if (begun) continue;
    if (replica.life.failed(Clock::now())) replica.last_failure = begun.error().message;
    for (; rank < it.first_rank + it.ranks; ++rank) replica.life.gone(rank, Clock::now());
  }
  change_status();
}

void Engine::State::run_supervision() {
  prof::name_thread("supervision");
  const CafVisit visit;
  std::unique_lock lock(mutex);
  while (!ending) {
    std::optional<Clock::time_point> next;
    for (ReplicaState& replica : replicas) {
      const stages::Replica& it = replica.life.replica();
      switch (replica.life.due(Clock::now())) {
        case ReplicaLife::Deed::kill:
          for (int rank = it.first_rank; rank < it.first_rank + it.ranks; ++rank)
            if (!replica.life.is_gone(rank)) launcher->kill(rank);
          break;
        case ReplicaLife::Deed::start:
          if (broker_failure.code == ErrorCode::none && failure.code == ErrorCode::none)
            start_again(replica);
          break;
        case ReplicaLife::Deed::nothing: break;
      }
      if (const auto at = replica.life.next(); at && (!next || *at < *next)) next = at;
    }
    if (std::exchange(waits_for_memory, false)) {
      admit();
      if (waits_for_memory)
        next = std::min(next.value_or(Clock::time_point::max()), Clock::now() + memory_interval);
    }
    if (std::exchange(status_changed, false) && args.on_status) {
      const PipelineStatus now = status();
      lock.unlock();
      args.on_status(now);
      lock.lock();
      continue;
    }
    if (next) supervise.wait_until(lock, *next);
    else supervise.wait(lock);
  }
}

// Channels that are connected go on without it, so what is under way can be finished; nobody can be
// connected any more.
void Engine::State::on_broker_end(int pid) {
  const CafVisit visit;
  const Error error{ErrorCode::unavailable,
                    "the broker (limelight-broker, pid " + std::to_string(pid) +
                        ") has ended: what is under way is finished, and nothing new is begun; "
                        "restart this process"};
  {
    const std::lock_guard lock(mutex);
    if (ending || failure.code != ErrorCode::none) return;
    broker_failure = error;
    log(LogLevel::error, error.message);
    change_status();
    if (started) return admit();  // refuses what is in the queue
  }
  fail(error);
}

PipelineStatus Engine::status() const {
  const std::lock_guard lock(state_->mutex);
  return state_->status();
}

}  // namespace limelight::actors
