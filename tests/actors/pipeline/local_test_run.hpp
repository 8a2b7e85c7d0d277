// A run with its own processes and its strangers: this executable, started again with a role as its
// name. For test_local_middleman.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "actors/pipeline/local_middleman.hpp"
#include "tests/actors/pipeline/local_ping_protocol.hpp"
#include "tests/support.hpp"

extern char** environ;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace limelight::actors {

using tests::Folder;

constexpr int stranger_got_nothing = 0, stranger_got_bytes = 1, stranger_kept_out = 2,
              peer_refused = 3;

// ---- The other processes: this executable, started with a role.

inline sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

inline int raw_connect(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = address_of(path);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

// How many bytes come until the other side closes, or resets for bytes that it did not read; -1: it
// stays open.
inline long bytes_until_closed(int fd, int patience_ms = 5000) {
  long count = 0;
  for (char bytes[4096];;) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, patience_ms) <= 0) return -1;
    const auto got = ::read(fd, bytes, sizeof bytes);
    if (got <= 0) return count;
    count += got;
  }
}

inline int raw_listen(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = address_of(path);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(fd, 1) == 0)
    return fd;
  ::close(fd);
  return -1;
}

inline int play_peer(const fs::path& path) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;  // the test lowers its own
  ::setrlimit(RLIMIT_NOFILE, &files);
  Settings settings;
  caf::actor_system system(settings);
  const auto hub = connect_local<HubActor>(
      system, path, [](const PeerCredentials& p) { return p.pid == ::getppid(); });
  if (!hub) return std::fprintf(stderr, "peer: %s\n", hub.error().message.c_str()), peer_refused;
  const auto actor = system.middleman().spawn_broker(peer_actor, 0);
  caf::anon_send(*hub, Joined{::getpid(), actor});
  caf::scoped_actor self(system);
  self->monitor(*hub);
  self->receive([](const caf::down_msg&) {});
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  return 0;
}

inline int play_hub(const fs::path& path) {
  Settings settings;
  caf::actor_system system(settings);
  const auto hub = system.middleman().spawn_broker(
      hub_actor, std::function<void(const Joined&)>([](const Joined&) {}));
  if (!publish_local(hub, path)) return 3;
  for (;;) ::pause();
}

// Also if the test is killed.
inline void end_with_the_test() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

inline bool become_another_user() {
  return ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0;
}

inline int play_other_listener(const std::string& path) {
  if (!become_another_user() || raw_listen(path) < 0) return 4;
  end_with_the_test();  // another user's process forgets what it was told before
  for (;;) ::pause();
}

inline int play_other_user(const std::string& path) {
  if (!become_another_user()) return 4;
  const int fd = raw_connect(path);
  if (fd < 0) return stranger_kept_out;
  return bytes_until_closed(fd) == 0 ? stranger_got_nothing : stranger_got_bytes;
}

class Process {
 public:
  Process(std::string role, std::string path) {
    char* args[] = {role.data(), path.data(), nullptr};
    BOOST_REQUIRE_EQUAL(::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, args, environ), 0);
  }
  Process(const Process&) = delete;
  ~Process() {
    if (pid == 0) return;
    kill();
  }
  void kill() {
    ::kill(pid, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t pid = 0;
};

// ---- The run under test.

struct Run {
  explicit Run(PeerCheck check = nullptr) {
    if (!check) check = [this](const PeerCredentials& p) { return same_user(p) && is_ours(p.pid); };
    hub = system.middleman().spawn_broker(
        hub_actor, std::function<void(const Joined&)>([this](const Joined& m) {
          const std::lock_guard lock(mutex);
          joined[m.pid] = m.actor;
          changed.notify_all();
        }));
    const auto published = publish_local(hub, path, std::move(check));
    BOOST_REQUIRE_MESSAGE(published, published.error().message);
  }
  ~Run() { caf::anon_send_exit(hub, caf::exit_reason::user_shutdown); }
  bool is_ours(pid_t pid) {
    const std::lock_guard lock(mutex);
    return ours.contains(pid);
  }
  // A peer may connect before posix_spawn has told its process id: the check waits for the lock.
  std::unique_ptr<Process> start_peer() {
    const std::lock_guard lock(mutex);
    auto peer = std::make_unique<Process>("peer", path);
    ours.insert(peer->pid);
    return peer;
  }
  bool has_joined(const Process& peer) {
    const std::lock_guard lock(mutex);
    return joined.contains(peer.pid);
  }
  PeerActor wait_for(const Process& peer) {
    std::unique_lock lock(mutex);
    BOOST_REQUIRE(changed.wait_for(lock, 20s, [&] { return joined.contains(peer.pid); }));
    return joined[peer.pid];
  }

  Folder folder;
  fs::path path = folder.path / "control";
  std::mutex mutex;
  std::condition_variable changed;
  std::set<pid_t> ours;
  std::map<pid_t, PeerActor> joined;
  Settings settings;
  caf::actor_system system{settings};
  HubActor hub;
};

struct RunWithPeer : Run {
  RunWithPeer() : peer(start_peer()), actor(wait_for(*peer)) {}
  ~RunWithPeer() {
    BOOST_TEST(answers(system, actor));
    const auto late = start_peer();  // and others may still come
    BOOST_TEST(answers(system, wait_for(*late)));
  }
  std::unique_ptr<Process> peer;
  PeerActor actor;
};

inline double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// What a peer of the run says first, recorded by a listener of this test's.
inline std::string recorded_handshake(const fs::path& folder) {
  const std::string path = (folder / "recorder").string();
  const int listener = raw_listen(path);
  BOOST_REQUIRE_GE(listener, 0);
  const Process peer("peer", path);
  const int fd = ::accept(listener, nullptr, nullptr);
  char bytes[4096];
  const auto got = ::read(fd, bytes, sizeof bytes);
  ::close(fd);
  ::close(listener);
  return std::string(bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

}  // namespace limelight::actors
