#include "base/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace limelight {

namespace {

constexpr std::size_t tail_bytes = 2000;
constexpr std::size_t most_answer_bytes = std::size_t{64} << 20;

// Memory that the program writes into: a pipe would have to be emptied while it runs.
struct Sink {
  int fd = -1;
  Sink() {
    const int low = memfd_create("limelight-answer", MFD_CLOEXEC);
    // Not one of those that the program gets, which may be free here.
    if (low >= 0) fd = ::fcntl(low, F_DUPFD_CLOEXEC, answer_fd + 1);
    if (low >= 0) ::close(low);
  }
  Sink(const Sink&) = delete;
  ~Sink() {
    if (fd >= 0) ::close(fd);
  }
  std::string last(std::size_t most) const {
    const off_t size = ::lseek(fd, 0, SEEK_END);
    std::string text(std::min(static_cast<std::size_t>(std::max<off_t>(size, 0)), most), '\0');
    const ssize_t read =
        ::pread(fd, text.data(), text.size(), size - static_cast<off_t>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(read, 0)));
    return text;
  }
};

}  // namespace

std::string describe_status(int status) {
  if (WIFEXITED(status)) return "exited with status " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

Result<ProgramEnd> run_program(const std::filesystem::path& executable,
                               std::vector<std::string> arguments,
                               std::chrono::milliseconds patience) {
  const auto cannot = [&](int error) {
    return Error{ErrorCode::io, executable.string() + ": cannot be started: " + strerror(error)};
  };
  const Sink answer, output;
  if (answer.fd < 0 || output.fd < 0) return cannot(errno);
  arguments.insert(arguments.begin(), executable.string());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output.fd, 1);
  posix_spawn_file_actions_adddup2(&files, output.fd, 2);
  posix_spawn_file_actions_adddup2(&files, answer.fd, answer_fd);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, executable.c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return cannot(error);

  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  bool ended = false;
  for (auto left = patience; !ended && left.count() > 0;
       left = std::chrono::duration_cast<std::chrono::milliseconds>(
           deadline - std::chrono::steady_clock::now())) {
    pollfd waiting{pidfd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    ended = ready > 0 || (ready < 0 && errno != EINTR);
  }
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  pid_t waited = 0;
  do waited = ::waitpid(pid, &status, 0);
  while (waited < 0 && errno == EINTR);
  if (pidfd >= 0) ::close(pidfd);
  if (!ended)
    return Error{ErrorCode::timeout, executable.string() + ": did not end within " +
                                         std::to_string(patience.count() / 1000) +
                                         " s; its output ends:\n" + output.last(tail_bytes)};
  // Who ignores SIGCHLD does not learn how the program ended.
  return ProgramEnd{answer.last(most_answer_bytes), output.last(tail_bytes),
                    waited == pid ? describe_status(status) : "ended",
                    waited == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0};
}

}  // namespace limelight
