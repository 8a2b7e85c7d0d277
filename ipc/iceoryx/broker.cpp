#include "ipc/iceoryx/broker.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "ipc/iceoryx/broker_files.hpp"

extern char** environ;

namespace limelight::ipc {

namespace fs = std::filesystem;

int open_lock(const fs::path& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

std::string pool_arguments(const std::vector<Pool>& pools) {
  std::string out;
  for (const Pool& pool : pools)
    out += " " + std::to_string(pool.chunk_bytes) + "x" + std::to_string(pool.chunks);
  return out;
}

namespace {

// The path of a socket, without its final zero, and the longest name that a socket in the runtime
// folder has: that of a run.
constexpr std::size_t most_socket_bytes = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::string_view longest_socket_name = "/run-4194304-4294967295.control";
constexpr std::size_t most_folder_bytes = most_socket_bytes - longest_socket_name.size();

constexpr const char* roudi_lock = "/tmp/iox-unique-roudi.lock";

bool lock_is_held(const char* path) {
  const int fd = ::open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
  ::close(fd);
  return held;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The content of the state file: "ready <pid> <bytes>x<chunks> ...".
struct State {
  int pid = 0;
  std::vector<Pool> pools;
};
State parse_state(const std::string& text) {
  State state;
  std::istringstream words(text);
  std::string ready, word;
  words >> ready >> state.pid;
  if (ready != "ready") return {};
  while (words >> word) {
    Pool pool;
    if (std::sscanf(word.c_str(), "%lux%u", &pool.chunk_bytes, &pool.chunks) == 2)
      state.pools.push_back(pool);
  }
  return state;
}

// Rounds the sizes up to multiples of 64, merges pools of the same size, and sorts them by size.
std::vector<Pool> normalize(std::vector<Pool> pools) {
  for (Pool& pool : pools) pool.chunk_bytes = (pool.chunk_bytes + 63) / 64 * 64;
  std::sort(pools.begin(), pools.end(),
            [](const Pool& a, const Pool& b) { return a.chunk_bytes < b.chunk_bytes; });
  std::vector<Pool> merged;
  for (const Pool& pool : pools) {
    if (!merged.empty() && merged.back().chunk_bytes == pool.chunk_bytes)
      merged.back().chunks += pool.chunks;
    else merged.push_back(pool);
  }
  return merged;
}

bool serves(const State& running, const std::vector<Pool>& wanted) {
  return wanted.empty() ||
         (!running.pools.empty() && running.pools.back().chunk_bytes >= wanted.back().chunk_bytes);
}

// Returns whether the process exists and is not a zombie.
bool alive(int pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] != 'Z' && stat[name_end + 2] != 'X';
}

int spawn_helper(const fs::path& helper, const std::string& arguments, const fs::path& log) {
  std::vector<std::string> words{helper.string()};
  std::istringstream in(arguments);
  for (std::string word; in >> word;) words.push_back(word);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSID);  // Ctrl-C reaches the orchestrator, but not the broker
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, helper.c_str(), &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  errno = failed;
  return failed == 0 ? pid : -1;
}

// Returns whether the running broker answers. A separate process asks it, because a request to a
// broker that hangs blocks for ever.
bool answers(const fs::path& helper, const fs::path& log) {
  const int pid = spawn_helper(helper, ping_word, log);
  if (pid < 0) return false;
  int status = 0;
  for (const auto deadline = std::chrono::steady_clock::now() + ping_timeout;
       std::chrono::steady_clock::now() < deadline;) {
    if (::waitpid(pid, &status, WNOHANG) == pid)
      return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, &status, 0);
  return false;
}

// Removes the segments that a killed broker left in /dev/shm. Call it only while no broker runs.
void remove_dead_broker() {
  ::shm_unlink("/iceoryx_mgmt");
  if (const group* mine = ::getgrgid(::getegid()))
    ::shm_unlink(("/" + std::string(mine->gr_name)).c_str());
}

}  // namespace

Result<fs::path> runtime_folder() {
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  const fs::path path = base != nullptr && *base == '/'
                            ? fs::path(base) / "limelight"
                            : fs::path("/tmp/limelight-" + std::to_string(getuid()));
  if (const std::size_t size = path.native().size(); size > most_folder_bytes)
    return Error{ErrorCode::invalid_argument,
                 "XDG_RUNTIME_DIR: the runtime folder " + path.string() + " has a path of " +
                     std::to_string(size) + " bytes, expected at most " +
                     std::to_string(most_folder_bytes) +
                     ": the path of a Unix socket in it may have " +
                     std::to_string(most_socket_bytes) + " bytes; choose a shorter folder"};
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return Error{ErrorCode::io,
                 path.string() + ": cannot make the runtime folder: " + std::strerror(errno)};
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != getuid() ||
      (info.st_mode & 077) != 0)
    return Error{ErrorCode::io,
                 path.string() + ": expected a folder of this user alone (mode 0700)"};
  return path;
}

Result<Broker> Broker::use(const fs::path& helper,
                           std::vector<Pool> wanted,
                           std::vector<ShmNeed> beside) {
  const auto folder = runtime_folder();
  if (!folder) return folder.error();
  wanted = normalize(std::move(wanted));
  const fs::path state_file = *folder / state_file_name, log = *folder / "broker.log";

  const int start_lock = open_lock(*folder / "broker.start");
  if (start_lock < 0)
    return Error{ErrorCode::io, (*folder / "broker.start").string() + ": " + std::strerror(errno)};
  ::flock(start_lock, LOCK_EX);  // only one process at a time starts a broker
  const auto give_up = [&](Error error) {
    ::close(start_lock);
    return error;
  };
  const int users = open_lock(*folder / users_file);
  ::flock(users, LOCK_SH);  // waits until a broker that is about to exit has exited

  State running = parse_state(read_file(state_file));
  bool held = lock_is_held(roudi_lock);
  // A killed broker may hold RouDi's lock for a moment longer. A process that attached to it now
  // would wait for ever.
  for (int i = 0; i < 500 && held && running.pid != 0 && !alive(running.pid); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    held = lock_is_held(roudi_lock);
  }
  if (held && running.pid != 0 && alive(running.pid) && !answers(helper, *folder / "ping.log")) {
    // The broker hangs, for example because a killed process held one of its locks. If no process
    // uses it, it is killed and a new one is started.
    if (::flock(users, LOCK_EX | LOCK_NB) != 0) {
      ::close(users);
      return give_up(
          {ErrorCode::unavailable, "the broker (pid " + std::to_string(running.pid) +
                                       ") does not answer, and other runs still use it: end those "
                                       "runs, or restart this process if it is one of them"});
    }
    ::kill(running.pid, SIGKILL);
    for (int i = 0; i < 500 && (held = lock_is_held(roudi_lock)); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::flock(users, LOCK_SH);
  }
  if (held) {
    if (running.pid != 0 && !serves(running, wanted)) {
      ::close(users);
      return give_up(
          {ErrorCode::too_large,
           "the broker that runs (pid " + std::to_string(running.pid) + ") has chunks of at most " +
               std::to_string(running.pools.back().chunk_bytes) + " bytes, this pipeline needs " +
               std::to_string(wanted.back().chunk_bytes) +
               ": wait for the runs that use it to end"});
    }
  } else {
    clean_stale();
    remove_dead_broker();
    const auto needs = broker_needs(wanted);
    beside.insert(beside.begin(), needs.begin(), needs.end());
  }
  if (auto room = shm_has_room(beside); !room) {
    ::close(users);
    return give_up(room.error());
  }
  if (!held) {
    ::unlink(state_file.c_str());
    const int pid = spawn_helper(helper, pool_arguments(wanted), log);
    if (pid < 0) {
      const Error error{ErrorCode::unavailable,
                        helper.string() + ": cannot start the broker: " + std::strerror(errno)};
      ::close(users);
      return give_up(error);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((running = parse_state(read_file(state_file))).pid == 0) {
      int status = 0;
      if (::waitpid(pid, &status, WNOHANG) == pid || std::chrono::steady_clock::now() > deadline) {
        ::close(users);
        return give_up(
            {ErrorCode::unavailable, "the broker did not start; its log says:\n" + read_file(log)});
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  ::close(start_lock);
  return Broker(users, running.pid);
}

Broker::Broker(Broker&& other) noexcept
    : lock_fd_(std::exchange(other.lock_fd_, -1)), pid_(other.pid_) {}
Broker& Broker::operator=(Broker&& other) noexcept {
  std::swap(lock_fd_, other.lock_fd_);
  std::swap(pid_, other.pid_);
  return *this;
}

Broker::~Broker() {
  if (lock_fd_ < 0) return;
  ::close(lock_fd_);
  if (pid_ == 0) return;
  int status = 0;
  // If this process started the helper, wait until it has exited, so that no zombie and no shared
  // memory are left. Do not wait if another process started it (waitpid() fails) or still uses it.
  for (int i = 0; i < 200 && ::waitpid(pid_, &status, WNOHANG) == 0; ++i) {
    const auto folder = runtime_folder();
    const int users = folder ? open_lock(*folder / users_file) : -1;
    // While the helper exits it holds the lock exclusively. Other users hold it shared.
    const bool used = users >= 0 && ::flock(users, LOCK_EX | LOCK_NB) != 0 &&
                      ::flock(users, LOCK_SH | LOCK_NB) == 0;
    if (users >= 0) ::close(users);
    if (used && i > 20) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void clean_stale() {
  std::error_code ignored;
  for (const char* folder : {"/tmp", "/dev/shm"})
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename();
      struct stat info;
      if (!name.starts_with("limelight-") || ::lstat(entry.path().c_str(), &info) != 0 ||
          info.st_uid != getuid())
        continue;
      // iceoryx locks a file beside the socket of each client for as long as the client exists.
      fs::path lock = entry.path();
      if (S_ISSOCK(info.st_mode)) lock += ".lock";
      else if (!S_ISREG(info.st_mode)) continue;
      if (!lock_is_held(lock.c_str())) ::unlink(entry.path().c_str());
    }
}

}  // namespace limelight::ipc
