// The broker: iceoryx's daemon RouDi in a helper process, limelight-broker. The first pipeline that
// needs it starts it.
//
// The helper runs as long as a process uses it. Each such process holds a shared lock on a file in
// the runtime folder; the kernel releases the lock when the process ends for whatever reason. The
// helper exits when it gets the lock exclusively. A helper that does not answer any more is
// replaced, unless a process still uses it.
//
// All shared memory of the helper is allocated when it starts. Its pools belong to one user and
// have the sizes that the first pipeline asked for. It destroys the ports of clients that have
// died, and only those (watched_roudi.hpp). If another program's RouDi runs on the machine, it is
// used as it is; that one also destroys the ports of clients that are silent for 1.5 s.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <vector>

#include "base/shm_budget.hpp"

namespace limelight::ipc {

struct Pool {
  std::uint64_t chunk_bytes = 0;  // see chunk_bytes(); rounded up to a multiple of 64
  std::uint32_t chunks = 0;
};

// Keeps the broker running as long as the object exists.
class Broker {
 public:
  // Finds the running broker or starts one. helper: the limelight-broker executable. beside: what
  // the caller will allocate in /dev/shm itself; the free space must suffice for that and, if no
  // broker runs, for the new one. Errors: unavailable (not enough space; or the broker did not
  // start, with its log; or it does not answer while other processes use it), too_large (the
  // running broker has smaller pools than these).
  static Result<Broker> use(const std::filesystem::path& helper,
                            std::vector<Pool> pools,
                            std::vector<ShmNeed> beside = {});
  Broker(Broker&&) noexcept;
  Broker& operator=(Broker&&) noexcept;
  ~Broker();
  int pid() const noexcept { return pid_; }  // 0: another program's RouDi

 private:
  Broker(int fd, int pid) : lock_fd_(fd), pid_(pid) {}
  int lock_fd_ = -1;
  int pid_ = 0;
};

// The space in /dev/shm that a broker with these pools needs.
std::vector<ShmNeed> broker_needs(const std::vector<Pool>& pools);

// Returns the user's folder for locks, sockets and run folders, and makes it if necessary (mode
// 0700): $XDG_RUNTIME_DIR/limelight or /tmp/limelight-<uid>. Errors: io (it cannot be made, or
// belongs to another user), invalid_argument (its path is too long for the sockets in it).
Result<std::filesystem::path> runtime_folder();

// Removes the files that killed processes of this user left in /tmp and /dev/shm. A file is removed
// only if its name begins with "limelight-" and no process holds its lock.
void clean_stale();

}  // namespace limelight::ipc
