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
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace limelight::actors {

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

  // control: where the orchestrator listens already; run: the name of this run; flight: what the
  // flight recorders keep, in at most so many records (0: as many as they are made for). Errors:
  // io.
  Result<void> start(const std::filesystem::path& executable,
                     const std::filesystem::path& config,
                     const std::filesystem::path& control,
                     const std::string& run,
                     int world_size,
                     std::chrono::milliseconds flight,
                     std::size_t flight_records);
  // From now on deaths are expected. Ranks that do not end within the grace period are killed.
  // Idempotent.
  void shutdown(std::chrono::milliseconds grace);
  std::string log_tail(int rank) const;  // the last lines that it wrote
  // Whether this launcher has started that process and the process id is still its own, which the
  // kernel gives away only after watch() has waited for it. On any thread, also during start(): it
  // waits until the rank that is being started is known.
  bool started(pid_t pid) const;
  int pid(int rank) const { return ranks_.at(static_cast<std::size_t>(rank)).pid; }

 private:
  struct Process {
    int pid = 0;
    int pidfd = -1;
    bool ended = false;
  };
  void watch();

  std::filesystem::path folder_;
  std::function<void(const RankDeath&)> on_death_;
  // Guards changes to ranks_: start() adds to it before there is a watching thread, and then that
  // thread alone sets `ended`.
  mutable std::mutex mutex_;
  std::vector<Process> ranks_;
  int lifeline_[2] = {-1, -1};
  int stop_pipe_[2] = {-1, -1};
  std::atomic<bool> expected_{false};
  std::thread watcher_;
};

// Removes the folders run-<pid>-<n> and the sockets run-<pid>-<n>.control of orchestrators that are
// gone: one that was killed could not.
void remove_dead_runs(const std::filesystem::path& folder);

}  // namespace limelight::actors
