#include "actors/orchestrator/launcher.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

extern char** environ;

namespace limelight::actors {

namespace fs = std::filesystem;

namespace {
constexpr int lifeline_in_child = 3;
constexpr std::size_t tail_bytes = 2000;

std::string describe(int status) {
  if (WIFEXITED(status)) return "exited with status " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}
}  // namespace

void remove_dead_runs(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    int pid = 0;
    if (std::sscanf(entry.path().filename().c_str(), "run-%d-", &pid) == 1 && ::kill(pid, 0) != 0 &&
        errno == ESRCH)
      fs::remove_all(entry.path(), ignored);
  }
}

Launcher::Launcher(fs::path run_folder, std::function<void(const RankDeath&)> on_death)
    : folder_(std::move(run_folder)), on_death_(std::move(on_death)) {}

Result<void> Launcher::start(const fs::path& executable,
                             const fs::path& config,
                             const fs::path& control,
                             const std::string& run,
                             int world_size,
                             std::chrono::milliseconds flight,
                             std::size_t flight_records) {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed || ::pipe2(lifeline_, O_CLOEXEC) != 0 || ::pipe2(stop_pipe_, O_CLOEXEC) != 0)
    return Error{ErrorCode::io, folder_.string() + ": cannot prepare the run: " +
                                    (failed ? failed.message() : std::strerror(errno))};
  std::vector<std::string> words;
  for (char** at = environ; *at != nullptr; ++at)
    if (!std::string_view(*at).starts_with("OMP_NUM_THREADS=")) words.emplace_back(*at);
  words.push_back(
      "OMP_NUM_THREADS=1");  // a rank computes on one thread; more cores are for more ranks
  std::vector<char*> environment;
  for (std::string& word : words) environment.push_back(word.data());
  environment.push_back(nullptr);

  for (int rank = 0; rank < world_size; ++rank) {
    std::string args[] = {executable.string(),
                          config.string(),
                          std::to_string(rank),
                          control.string(),
                          run,
                          std::to_string(lifeline_in_child),
                          std::to_string(flight.count()),
                          std::to_string(flight_records)};
    char* argv[] = {args[0].data(), args[1].data(), args[2].data(), args[3].data(), args[4].data(),
                    args[5].data(), args[6].data(), args[7].data(), nullptr};
    const std::string log = (folder_ / ("rank-" + std::to_string(rank) + ".log")).string();
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_adddup2(&files, lifeline_[0], lifeline_in_child);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(
        &attributes,
        POSIX_SPAWN_SETSID);  // Ctrl-C reaches the orchestrator, which ends its ranks in order
    Process process;
    std::unique_lock lock(mutex_);  // the rank may connect before its process id is known here
    const int error = posix_spawn(&process.pid, executable.c_str(), &files, &attributes, argv,
                                  environment.data());
    if (error == 0) {
      process.pidfd = static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0));
      ranks_.push_back(process);
    }
    lock.unlock();
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0)
      return Error{ErrorCode::io, executable.string() + ": cannot start rank " +
                                      std::to_string(rank) + ": " + std::strerror(error)};
  }
  watcher_ = std::thread([this] { watch(); });
  return {};
}

bool Launcher::started(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(ranks_.begin(), ranks_.end(),
                     [&](const Process& p) { return p.pid == pid && !p.ended; });
}

std::string Launcher::log_tail(int rank) const {
  std::ifstream in(folder_ / ("rank-" + std::to_string(rank) + ".log"),
                   std::ios::ate | std::ios::binary);
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(in.tellg(), 0));
  std::string text(std::min(size, tail_bytes), '\0');
  in.seekg(static_cast<std::streamoff>(size - text.size()));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

void Launcher::watch() {
  for (;;) {
    std::vector<pollfd> waiting{{stop_pipe_[0], POLLIN, 0}};
    std::vector<std::size_t> who{0};
    for (std::size_t i = 0; i < ranks_.size(); ++i)
      if (!ranks_[i].ended) {
        waiting.push_back({ranks_[i].pidfd, POLLIN, 0});
        who.push_back(i);
      }
    if (waiting.size() == 1) return;
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 1; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      Process& process = ranks_[who[i]];
      int status = 0;
      {
        const std::lock_guard lock(mutex_);  // no other process has this id before started() knows
        if (::waitpid(process.pid, &status, 0) != process.pid) status = 0;
        process.ended = true;
      }
      ::close(process.pidfd);
      const int rank = static_cast<int>(who[i]);
      if (!expected_) on_death_({rank, process.pid, describe(status), log_tail(rank)});
    }
    if (waiting[0].revents != 0) {  // shutdown has run out of patience
      for (Process& process : ranks_)
        if (!process.ended) ::kill(process.pid, SIGKILL);
      char byte;
      (void)!::read(stop_pipe_[0], &byte, 1);
    }
  }
}

void Launcher::shutdown(std::chrono::milliseconds grace) {
  expected_ = true;
  if (!watcher_.joinable()) return;
  const auto deadline = std::chrono::steady_clock::now() + grace;
  for (const Process& process : ranks_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          deadline - std::chrono::steady_clock::now())
                          .count();
    siginfo_t info;
    for (long waited = 0; waited < std::max<long>(left, 1); waited += 5) {
      info.si_pid = 0;
      if (::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT) !=
              0 ||
          info.si_pid != 0)
        break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  (void)!::write(stop_pipe_[1], "x", 1);
  watcher_.join();
}

Launcher::~Launcher() {
  shutdown(std::chrono::milliseconds(0));
  for (const int fd : {lifeline_[0], lifeline_[1], stop_pipe_[0], stop_pipe_[1]})
    if (fd >= 0) ::close(fd);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace limelight::actors
