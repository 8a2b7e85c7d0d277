// Whether a pipeline can serve requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace limelight {

// running: every replica of every stage serves.
// degraded: some do not; requests that need one of them wait while it is started again.
// failed: no output can be had any more.
enum class Health { running, degraded, failed };
inline const char* name(Health health) {
  return health == Health::running ? "running" : health == Health::degraded ? "degraded" : "failed";
}

enum class ReplicaPhase { starting, serving, restarting, given_up };
inline const char* name(ReplicaPhase phase) {
  return phase == ReplicaPhase::starting     ? "starting"
         : phase == ReplicaPhase::serving    ? "serving"
         : phase == ReplicaPhase::restarting ? "restarting"
                                             : "given_up";
}

struct ReplicaStatus {
  int stage_id = 0, replica = 0;
  ReplicaPhase phase = ReplicaPhase::starting;
  int restarts = 0;          // how often its ranks were started again
  std::size_t requests = 0;  // that it works on
  // Blocks of its KV caches, all and in use, at its last sign of life: each has one in a fifth of
  // EngineArgs::rank_timeout. 0: it has no such caches, or has just been started.
  std::uint64_t kv_blocks = 0, used_kv_blocks = 0;
  std::string last_failure = {};  // empty: it has not failed
};

struct PipelineStatus {
  Health health = Health::running;
  std::string why = {};                  // if it has failed
  std::size_t running = 0, waiting = 0;  // requests that stages work on, and those in the queue
  std::vector<ReplicaStatus> replicas = {};
};

}  // namespace limelight
