// The broker: iceoryx's RouDi in a helper process, started when none runs.
//
// The helper (limelight-broker) lives as long as someone uses it: every user holds a shared lock on
// a file of the user's own runtime folder, the kernel drops that lock when the process dies,
// however it dies, and the helper ends when it can lock the file alone. One that does not answer
// any more is replaced, if nobody uses it. Its pools are private to the user and as large as the
// first user asked for; all of its shared memory is allocated when it starts. It takes back the
// channels of clients that are dead, and of no others (watched_roudi.hpp). A RouDi that somebody
// else runs is used as it is: that one also gives up whoever is silent for 1.5 s.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <vector>

#include "base/shm_budget.hpp"

namespace limelight::ipc {

struct Pool {
  std::uint64_t chunk_bytes = 0;  // see chunk_bytes(); rounded up to 64
  std::uint32_t chunks = 0;
};

// Use of the broker: while it lives, the broker does.
class Broker {
 public:
  // Finds or starts the broker. helper: the limelight-broker executable. beside: what the caller
  // will put into /dev/shm itself; there must be room for it and for a broker that is to be started
  // before anything is made. Errors: unavailable (no such room; or it did not come up, with its
  // log; or it does not answer and others use it), too_large (the one that runs has smaller pools
  // than asked for).
  static Result<Broker> use(const std::filesystem::path& helper,
                            std::vector<Pool> pools,
                            std::vector<ShmNeed> beside = {});
  Broker(Broker&&) noexcept;
  Broker& operator=(Broker&&) noexcept;
  ~Broker();
  int pid() const noexcept { return pid_; }  // 0: not ours

 private:
  Broker(int fd, int pid) : lock_fd_(fd), pid_(pid) {}
  int lock_fd_ = -1;
  int pid_ = 0;
};

// What a broker with these pools takes of /dev/shm, in parts.
std::vector<ShmNeed> broker_needs(const std::vector<Pool>& pools);

// The user's own folder for locks and run folders, mode 0700: $XDG_RUNTIME_DIR/limelight or
// /tmp/limelight-<uid>. Errors: io, also when somebody else owns it; invalid_argument, when its
// path is too long for the sockets that are made in it.
Result<std::filesystem::path> runtime_folder();

// Removes what killed processes of this user left in /tmp and /dev/shm: only files that carry our
// name and whose lock nobody holds.
void clean_stale();

}  // namespace limelight::ipc
