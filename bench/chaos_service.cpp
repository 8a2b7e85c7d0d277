#include "bench/chaos_service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>
#include <utility>

#include "base/helper.hpp"
#include "bench/chaos_load.hpp"

extern char** environ;

namespace limelight::bench {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

// The command lies beside this program in a build, and in ../../bin of an installed one.
Result<fs::path> command() {
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const fs::path& one : {self / "limelight", self / "../../bin/limelight"})
    if (::access(one.c_str(), X_OK) == 0) return one;
  return find_helper("limelight");
}

// Parent and state of a process: behind its name, which may have any bytes in it.
std::optional<std::pair<pid_t, char>> parent_of(const fs::path& process) {
  std::ifstream in(process / "stat");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto end = text.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream rest(text.substr(end + 1));
  char state = 0;
  pid_t parent = 0;
  if (!(rest >> state >> parent)) return {};
  return std::pair(parent, state);
}

std::string end_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return text.size() > 1500 ? text.substr(text.size() - 1500) : text;
}

}  // namespace

std::vector<pid_t> descendants() {
  std::multimap<pid_t, pid_t> children;
  std::error_code failed;
  for (fs::directory_iterator at("/proc", failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (const auto is = parent_of(at->path()); is && is->second != 'Z')
      children.emplace(is->first, static_cast<pid_t>(std::stol(name)));
  }
  std::vector<pid_t> all{getpid()};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto [begin, end] = children.equal_range(all[i]);
    for (auto it = begin; it != end; ++it) all.push_back(it->second);
  }
  all.erase(all.begin());
  return all;
}

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
void reap() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
}

Result<ChaosService> ChaosService::start(const std::vector<std::string>& arguments,
                                         const fs::path& log) {
  const auto executable = command();
  if (!executable) return executable.error();
  std::vector<std::string> words{"limelight", "serve", "--port", "0"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return Error{ErrorCode::io, "cannot make a pipe"};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, output[1], 1);
  posix_spawn_file_actions_addopen(&files, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, executable->c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  ::close(output[1]);
  if (failed != 0) {
    ::close(output[0]);
    return Error{ErrorCode::io, executable->string() + ": cannot be started"};
  }
  ChaosService service(pid, {});
  std::string said;
  std::array<char, 512> buffer;
  while (said.find("serving ") == std::string::npos) {
    pollfd it{output[0], POLLIN, 0};
    if (::poll(&it, 1, 90'000) <= 0) break;
    const ssize_t n = ::read(output[0], buffer.data(), buffer.size());
    if (n <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(output[0]);
  const auto at = said.find("http://");
  if (said.find("serving ") == std::string::npos || at == std::string::npos)
    return Error{ErrorCode::rank_failed,
                 "limelight serve did not begin to serve; its log ends:\n" + end_of(log)};
  service.url_ = said.substr(at, said.find('\n', at) - at);
  return service;
}

ChaosService::ChaosService(ChaosService&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), url_(std::move(other.url_)) {}

ChaosService::~ChaosService() {
  if (pid_ <= 0) return;
  signal(SIGKILL);
  (void)wait(10s);
}

std::vector<pid_t> ChaosService::ranks() {
  std::vector<pid_t> all;
  for (const pid_t pid : descendants())
    if (is_called(pid, "limelight-rank")) all.push_back(pid);
  return all;
}
std::optional<pid_t> ChaosService::broker() {
  for (const pid_t pid : descendants())
    if (is_called(pid, "limelight-broker")) return pid;
  return {};
}
std::size_t ChaosService::count(const char* folder) const {
  std::error_code failed;
  const fs::path of = fs::path("/proc") / std::to_string(pid_) / folder;
  std::size_t entries = 0;
  for (fs::directory_iterator at(of, failed), end; !failed && at != end; at.increment(failed))
    ++entries;
  return entries;
}

void ChaosService::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}
std::optional<int> ChaosService::wait(std::chrono::milliseconds most) {
  const auto end = Clock::now() + most;
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(pid_, &status, WNOHANG)) == 0 && Clock::now() < end)
    std::this_thread::sleep_for(5ms);
  if (ended == 0) return {};
  pid_ = 0;
  if (ended < 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<std::string> ChaosService::left_processes(std::chrono::milliseconds most) {
  const auto end = Clock::now() + most;
  std::vector<std::string> left;
  for (;;) {
    reap();
    left.clear();
    for (const pid_t pid : descendants()) {
      std::string name;
      std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
      left.push_back(name + " " + std::to_string(pid));
    }
    if (left.empty() || Clock::now() > end) return left;
    std::this_thread::sleep_for(20ms);
  }
}

}  // namespace limelight::bench
