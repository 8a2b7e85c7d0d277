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

#include "actors/pipeline/rank_argument.hpp"
#include "base/subprocess.hpp"

extern char** environ;

namespace limelight::actors {

namespace fs = std::filesystem;

namespace {
constexpr int lifeline_in_child = 3;
constexpr std::size_t tail_bytes = 2000;
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

Result<void> Launcher::start(const RankProgram& program, int world_size) {
  program_ = program;
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed || ::pipe2(lifeline_, O_CLOEXEC) != 0 || ::pipe2(wake_pipe_, O_CLOEXEC) != 0)
    return Error{ErrorCode::io, folder_.string() + ": cannot prepare the run: " +
                                    (failed ? failed.message() : std::strerror(errno))};
  if (!program_.config_text.empty()) {
    program_.config = folder_ / "config.yaml";
    std::ofstream out(program_.config, std::ios::binary);
    out << program_.config_text;
    if (!out.flush())
      return Error{ErrorCode::io,
                   program_.config.string() + ": cannot be written: " + std::strerror(errno)};
  }
  for (int rank = 0; rank < world_size; ++rank) {
    const std::lock_guard lock(mutex_);
    if (std::find(program_.elsewhere.begin(), program_.elsewhere.end(), rank) !=
        program_.elsewhere.end()) {
      ranks_.push_back({.ended = true});
      continue;
    }
    auto process = spawn(rank, program_.incarnation, program_.absent);
    if (!process) return process.error();
    ranks_.push_back(*process);
  }
  watcher_ = std::thread([this] { watch(); });
  return {};
}

Result<void> Launcher::restart(int rank, int incarnation, const std::string& absent) {
  const std::lock_guard lock(mutex_);
  if (expected_)
    return Error{ErrorCode::cancelled, "rank " + std::to_string(rank) + ": the run is being ended"};
  auto process = spawn(rank, incarnation, absent);
  if (!process) return process.error();
  ranks_.at(static_cast<std::size_t>(rank)) = *process;
  wake_watcher();
  return {};
}

// Called with the lock held.
Result<Launcher::Process> Launcher::spawn(int rank, int incarnation, const std::string& absent) {
  // A rank computes on one thread; more cores are for more ranks.
  std::map<std::string, std::string> own{{"OMP_NUM_THREADS", "1"}};
  if (static_cast<std::size_t>(rank) < program_.env.size())
    for (const auto& [name, value] : program_.env[static_cast<std::size_t>(rank)])
      own[name] = value;
  std::vector<std::string> words;
  for (char** at = environ; *at != nullptr; ++at)
    if (const std::string_view word = *at;
        !own.contains(std::string(word.substr(0, word.find('=')))))
      words.emplace_back(word);
  for (const auto& [name, value] : own) words.push_back(std::string(name).append("=") + value);
  std::vector<char*> environment;
  for (std::string& word : words) environment.push_back(word.data());
  environment.push_back(nullptr);
  std::vector<std::string> args{program_.executable.string(),
                                program_.config.string(),
                                std::to_string(rank),
                                program_.control.string(),
                                program_.run,
                                std::to_string(lifeline_in_child),
                                std::to_string(program_.flight.count()),
                                std::to_string(program_.flight_records),
                                std::to_string(incarnation),
                                absent,
                                rank_argument};
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);

  const std::string log = (folder_ / ("rank-" + std::to_string(rank) + ".log")).string();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawn_file_actions_adddup2(&files, lifeline_[0], lifeline_in_child);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(
      &attributes,
      POSIX_SPAWN_SETSID);  // Ctrl-C reaches the orchestrator, which ends its ranks in order
  Process process;
  const int error = posix_spawn(&process.pid, program_.executable.c_str(), &files, &attributes,
                                argv.data(), environment.data());
  if (error == 0) process.pidfd = static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0));
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    return Error{ErrorCode::io, program_.executable.string() + ": cannot start rank " +
                                    std::to_string(rank) + ": " + std::strerror(error)};
  return process;
}

int Launcher::pid(int rank) const {
  const std::lock_guard lock(mutex_);
  return ranks_.at(static_cast<std::size_t>(rank)).pid;
}

void Launcher::kill(int rank) {
  const std::lock_guard lock(mutex_);
  const Process& process = ranks_.at(static_cast<std::size_t>(rank));
  if (!process.ended) ::kill(process.pid, SIGKILL);
}

void Launcher::wake_watcher() { (void)!::write(wake_pipe_[1], "x", 1); }

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
    std::vector<pollfd> waiting{{wake_pipe_[0], POLLIN, 0}};
    std::vector<std::size_t> who{0};
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < ranks_.size(); ++i) {
        if (ranks_[i].ended) continue;
        if (kill_all_) ::kill(ranks_[i].pid, SIGKILL);
        waiting.push_back({ranks_[i].pidfd, POLLIN, 0});
        who.push_back(i);
      }
      if (waiting.size() == 1 && expected_) return;
    }
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 1; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      const int rank = static_cast<int>(who[i]);
      int status = 0, pid = 0;
      {
        const std::lock_guard lock(mutex_);  // no other process has this id before started() knows
        Process& process = ranks_[who[i]];
        pid = process.pid;
        if (::waitpid(pid, &status, 0) != pid) status = 0;
        process.ended = true;
        ::close(process.pidfd);
      }
      if (!expected_) on_death_({rank, pid, describe_status(status), log_tail(rank)});
    }
    char byte;
    if (waiting[0].revents != 0) (void)!::read(wake_pipe_[0], &byte, 1);
  }
}

void Launcher::shutdown(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    expected_ = true;
  }
  if (!watcher_.joinable()) return;
  wake_watcher();  // it ends once no rank is left
  const auto deadline = std::chrono::steady_clock::now() + grace;
  std::vector<int> processes;
  {
    const std::lock_guard lock(mutex_);
    for (const Process& process : ranks_)
      if (!process.ended) processes.push_back(process.pid);
  }
  for (const int pid : processes) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          deadline - std::chrono::steady_clock::now())
                          .count();
    siginfo_t info;
    for (long waited = 0; waited < std::max<long>(left, 1); waited += 5) {
      info.si_pid = 0;
      if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
          info.si_pid != 0)
        break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    kill_all_ = true;
  }
  wake_watcher();
  watcher_.join();
}

Launcher::~Launcher() {
  shutdown(std::chrono::milliseconds(0));
  for (const int fd : {lifeline_[0], lifeline_[1], wake_pipe_[0], wake_pipe_[1]})
    if (fd >= 0) ::close(fd);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace limelight::actors
