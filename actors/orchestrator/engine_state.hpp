// What a running pipeline consists of; part of the engine alone. engine.cpp starts, profiles and
// ends it, engine_requests.cpp takes its requests from submission to their last update.
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/orchestrator/deadlines.hpp"
#include "actors/orchestrator/engine.hpp"
#include "actors/orchestrator/launcher.hpp"
#include "actors/orchestrator/own_trace.hpp"
#include "actors/pipeline/protocol.hpp"
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

struct Engine::State {
  struct PendingRequest {
    RequestOutput output;  // its text and audio stay empty: they leave with each update
    Submit submit;         // to the first stage
    std::chrono::milliseconds deadline{0};  // from `start`; 0: none
    OnUpdate on_update;
    Clock::time_point start = Clock::now();
    std::size_t stages_left = 0, ports_left = 0;
    bool admitted = false;
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
  caf::actor pulse;
  std::unique_ptr<Launcher> launcher;
  std::vector<UserPort> ports;

  std::mutex mutex;
  std::condition_variable joined;
  std::map<int, Join> ranks;
  std::map<std::uint64_t, PendingRequest> open;
  std::size_t admitted = 0, most_admitted = 1;
  std::uint64_t next_number = 1;
  std::optional<Clock::time_point> last_dump;  // that was not asked for
  int dumps_under_way = 0;
  Error failure{ErrorCode::none, {}};  // of the whole pipeline: nothing runs any more
  bool ending = false;
  Deadlines deadlines{[this](std::uint64_t number) { end_late(number); }};
  OwnTrace own_trace;

  Result<void> start();
  void fail(Error error);
  // The following are called with the lock held.
  void finish(std::map<std::uint64_t, PendingRequest>::iterator at, Error error);
  void settle(std::map<std::uint64_t, PendingRequest>::iterator at);
  void admit();
  void tell_cancel(std::uint64_t number, int but_stage);
  std::filesystem::path trace_folder() const {
    return args.profile_dir.empty() ? "traces" : args.profile_dir;
  }
  void dump_if_due(const std::string& why);
  // Without it.
  void end_late(std::uint64_t number);
  static Result<void> check(const Submit& submit, std::chrono::milliseconds deadline);
  void salvage(int rank, prof::Owner owner);

  std::string name_rank(int rank, int pid) const;
  void on_death(const RankDeath& death);
  void on_silence(const Join& rank, std::chrono::milliseconds silent);
  void on_report(const StageReport& report);
  void receive(UserPort& port);
  template <class Message>
  void ask_supervisor(const Message& message, OnTraces done);
};

}  // namespace limelight::actors
