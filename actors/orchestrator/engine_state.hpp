// What a running pipeline consists of; part of the engine alone. engine.cpp starts and ends it,
// engine_traces.cpp profiles it, engine_requests.cpp takes its requests from submission to
// their last update, engine_supervision.cpp starts again what has failed.
//
// A request has a ticket, by which its submitter knows it and which gives it its place in the
// queue, and, once it is admitted, a number, by which the ranks know it. Numbers grow in the order
// of admission, as the ranks expect; a request that is begun anew gets another one.
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/orchestrator/attachments.hpp"
#include "actors/orchestrator/broker_watch.hpp"
#include "actors/orchestrator/deadlines.hpp"
#include "actors/orchestrator/engine.hpp"
#include "actors/orchestrator/orchestrator_trace.hpp"
#include "actors/orchestrator/rank_hosts.hpp"
#include "actors/orchestrator/replica_life.hpp"
#include "actors/pipeline/protocol.hpp"
#include "actors/pipeline/routes.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "profiling/capture/flight_recorder.hpp"

namespace limelight::actors {

namespace prof = limelight::profiling;
using Clock = std::chrono::steady_clock;

// CAF leaves its logger with every thread that spawns an actor or makes a system, and the system's
// destructor waits until each of those threads has let go of it. Threads of our users may live on,
// so whoever enters CAF on one of them leaves it behind.
struct CafVisit {
  CafVisit() = default;
  CafVisit(const CafVisit&) = delete;
  ~CafVisit() { caf::logger::set_current_actor_system(nullptr); }
};

// goes_on: ranks that were not asked to stop still record.
using OnProfileAnswer = std::function<void(Result<std::vector<RankTrace>> traces, bool goes_on)>;

struct Engine::State {
  struct PendingRequest {
    RequestOutput output;  // its text and audio stay empty: they leave with each update
    Submit submit;         // to the first stage
    std::vector<Attachment> attachments;
    std::chrono::milliseconds deadline{0};  // from `start`; 0: none
    OnUpdate on_update;
    Clock::time_point start = Clock::now();
    Needs needs;
    bool delivered = false;                  // something of its output
    std::vector<PositionLogprobs> logprobs;  // of tokens whose text has not come yet
    // While it is admitted:
    std::uint64_t number = 0;            // 0: it is in the queue
    std::vector<std::int32_t> replicas;  // by the place of their stage; -1: not needed
    std::vector<bool> stages_left;       // that have not reported, by place
    std::size_t ports_left = 0;
    bool admitted() const { return number != 0; }
  };
  struct UserPort {
    int stage;
    std::string type;
    std::unique_ptr<ipc::Subscriber> subscriber;
    std::thread thread;
  };

  EngineArgs args;
  stages::PipelineConfig config;
  std::string run;
  caf::actor_system_config settings;
  std::unique_ptr<caf::actor_system> system;
  OrchestratorActor orchestrator;
  SupervisorActor supervisor;
  caf::actor heartbeats;
  std::unique_ptr<RankHosts> launcher;
  std::vector<UserPort> ports;
  AttachmentSender attachments;

  std::mutex mutex;
  std::condition_variable joined;
  std::map<int, Join> ranks;
  std::map<std::uint64_t, PendingRequest> open;    // by ticket
  std::map<std::uint64_t, std::uint64_t> tickets;  // of what is admitted, by number
  std::size_t most_admitted = 1;
  std::uint64_t next_number = 1, newest_number = 0, submitted = 0;
  struct ReplicaState {
    ReplicaLife life;
    std::size_t requests = 0;  // that it has not reported
    std::string last_failure = {};
    std::uint64_t kv_blocks = 0, used_kv_blocks = 0;  // of its first rank, at its last sign of life
  };
  std::vector<ReplicaState> replicas;          // of all stages, by rank
  std::optional<Clock::time_point> last_dump;  // that was not asked for
  int dumps_under_way = 0;
  Error failure{ErrorCode::none, {}};  // of the whole pipeline: nothing runs any more
  Error broker_failure{ErrorCode::none, {}};
  bool started = false, draining = false, ending = false;
  bool status_changed = false;
  bool waits_for_memory = false;      // a request in the queue, for its attachments
  std::condition_variable supervise;  // for the following thread
  std::thread supervision;
  std::unique_ptr<BrokerWatch> broker_watch;
  Deadlines deadlines{[this](std::uint64_t number) { end_late(number); }};
  OrchestratorTrace orchestrator_trace;
  static constexpr std::size_t most_told = 1024;
  std::mutex told_mutex;                   // guards `told`; nothing else is locked while it is held
  std::deque<std::filesystem::path> told;  // the last traces that args.on_trace heard of

  Result<void> start();
  void fail(Error error);
  // The following are called with the lock held.
  using RequestAt = std::map<std::uint64_t, PendingRequest>::iterator;
  void finish(RequestAt at, Error error);
  void finish_if_complete(RequestAt at);
  void admit();
  bool choose_replicas(PendingRequest& request, Error& impossible);
  bool send(RequestAt at);
  void withdraw(PendingRequest& request);
  void tell_cancel(const PendingRequest& request, int but_stage);
  RequestAt find_number(std::uint64_t number);
  bool wants_traces() const { return !args.profile_dir.empty() || args.will_profile; }
  std::filesystem::path trace_folder() const {
    return args.profile_dir.empty() ? "traces" : args.profile_dir;
  }
  void dump_if_due(const std::string& why);
  ReplicaState& replica_of(int rank);
  ReplicaState& replica_at(std::size_t place, int index);
  bool fail_replica(int rank, const Error& error);
  void lose_requests(const ReplicaState& replica, const Error& error);
  void start_again(ReplicaState& replica);
  void change_status();
  PipelineStatus status() const;
  const ReplicaState* lost_stage(std::size_t place) const;
  Error given_up(const ReplicaState& replica) const;
  // Without it.
  void run_supervision();
  void on_broker_end(int pid);
  void end_late(std::uint64_t number);
  static Result<void> check(const Submit& submit, std::chrono::milliseconds deadline);
  void salvage(int rank, prof::Owner owner);
  void collect(RankTrace& trace);
  void tell_trace(const RankTrace& trace, bool complete = true);  // to args.on_trace, once

  std::string name_replica(const stages::Replica& replica) const;
  std::string name_rank(int rank, int pid) const;
  void on_death(const RankDeath& death);
  void on_silence(const Join& rank, std::chrono::milliseconds silent);
  void on_sign(const Join& rank, const Pong& sign);
  void on_join(const Join& joined);
  void on_report(const StageReport& report);
  void receive(UserPort& port);
  template <class Message>
  void ask_supervisor(const Message& message, OnProfileAnswer done);
};

}  // namespace limelight::actors
