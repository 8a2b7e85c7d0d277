// Starts the processes of all ranks, watches them, and ends them. Owned by the engine.
//
// Each rank writes to a log of its own in the run folder, and holds one end of a pipe that closes
// when this process is gone.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace limelight::actors {

// How each rank is started.
struct RankProgram {
  std::filesystem::path executable;
  std::filesystem::path config;
  std::string config_text = {};   // what ranks read in place of `config`; empty: they read that
  std::filesystem::path control;  // where the orchestrator listens already
  std::string run;                // the name of this run
  // What the flight recorders keep, in at most so many records (0: as many as they are made for).
  std::chrono::milliseconds flight{0};
  std::size_t flight_records = 0;
  // Variables of each rank, over those of this process.
  std::vector<std::map<std::string, std::string>> env = {};
  std::vector<int> elsewhere = {};  // ranks of other machines, which are none of this launcher's
  int incarnation = 0;              // of the first start, and what is absent then: see restart()
  std::string absent = {};
};

struct RankDeath {
  int rank = 0;
  int pid = 0;
  std::string cause;     // such as "killed by signal 9 (Killed)"
  std::string log_tail;  // the last lines that it wrote
};

class Launcher {
 public:
  // run_folder: made here, removed at the end. on_death: called once for each rank that ends before
  // shutdown(), from the watching thread.
  Launcher(std::filesystem::path run_folder, std::function<void(const RankDeath&)> on_death);
  ~Launcher();

  // Starts the ranks 0 to world_size - 1, but for those elsewhere. Errors: io.
  Result<void> start(const RankProgram& program, int world_size);
  // Starts a rank again whose process has ended. incarnation: how often it was started before;
  // absent: see rank_main.cpp. On any thread. Errors: io, cancelled (after shutdown).
  Result<void> restart(int rank, int incarnation, const std::string& absent);
  // kill -9, if its process is there. On any thread.
  void kill(int rank);
  // From now on deaths are expected. Ranks that do not end within the grace period are killed.
  // Idempotent.
  void shutdown(std::chrono::milliseconds grace);
  std::string log_tail(int rank) const;  // the last lines that it wrote
  // Whether this launcher has started that process and the process id is still its own, which the
  // kernel gives away only after watch() has waited for it. On any thread, also during start(): it
  // waits until the rank that is being started is known.
  bool started(pid_t pid) const;
  int pid(int rank) const;  // 0: it is elsewhere

 private:
  struct Process {
    int pid = 0;
    int pidfd = -1;
    bool ended = false;
  };
  Result<Process> spawn(int rank, int incarnation, const std::string& absent);
  void watch();
  void wake_watcher();

  std::filesystem::path folder_;
  std::function<void(const RankDeath&)> on_death_;
  RankProgram program_;
  mutable std::mutex
      mutex_;  // guards the following two; a rank may connect before it is known here
  std::vector<Process> ranks_;
  bool kill_all_ = false;
  int lifeline_[2] = {-1, -1};
  int wake_pipe_[2] = {-1, -1};  // of the watching thread
  std::atomic<bool> expected_{false};
  std::thread watcher_;
};

// Removes the folders run-<pid>-<n> and the sockets run-<pid>-<n>.control of orchestrators that are
// gone: one that was killed could not.
void remove_dead_runs(const std::filesystem::path& folder);

}  // namespace limelight::actors
