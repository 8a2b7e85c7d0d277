#include "actors/node/node_agent.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <limelight/version.hpp>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "actors/orchestrator/crossing_relay.hpp"
#include "base/log.hpp"
#include "base/shm_budget.hpp"
#include "base/subprocess.hpp"
#include "ipc/network/clock_probe.hpp"
#include "ipc/network/passed_descriptor.hpp"
#include "profiling/record/clock.hpp"

extern char** environ;

namespace limelight::actors {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds silence_of_orchestrators{10};
constexpr auto session_end_time = 6s;
constexpr int fd_in_session = 3;

bool is_run_name(const std::string& run) {
  return !run.empty() && run.size() <= 64 &&
         std::all_of(run.begin(), run.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

}  // namespace

std::string describe_machine() {
  std::uint64_t free_kib = 0;
  std::ifstream in("/proc/meminfo");
  for (std::string key, rest; in >> key && std::getline(in, rest);)
    if (key == "MemAvailable:") free_kib = std::strtoull(rest.c_str(), nullptr, 10);
  std::ostringstream text;
  text << "Limelight " << version << ", " << std::thread::hardware_concurrency() << " CPUs, "
       << free_kib / 1024 << " MiB of memory and " << shm_free() / (1 << 20)
       << " MiB of /dev/shm free";
  return text.str();
}

struct NodeAgent::State {
  struct SessionProcess {
    pid_t pid = 0;
    ipc::Socket channel = {};
  };
  NodeOptions options;
  ipc::Token token;
  ipc::Socket listener = {};
  ipc::NetworkAddress address = {};
  int stop_event = -1;
  std::thread acceptor = {};
  std::atomic<int> strangers = 0;

  std::mutex mutex = {};  // guards the following
  std::condition_variable changed = {};
  std::map<std::string, SessionProcess> sessions = {};  // by run
  bool stopping = false;

  ~State() {
    if (stop_event >= 0) ::close(stop_event);
  }

  Result<void> start_session(const std::string& run);
  void wait_for_end(const std::string& run, pid_t pid);
  void end_session(std::unique_lock<std::mutex>& lock, const std::string& run);
  void serve(const std::shared_ptr<State>& self, ipc::Socket peer);
  std::string status();
};

// Called with the lock held. Its ranks end with it.
void NodeAgent::State::end_session(std::unique_lock<std::mutex>& lock, const std::string& run) {
  const auto at = sessions.find(run);
  if (at == sessions.end()) return;
  const pid_t pid = at->second.pid;
  at->second.channel = ipc::Socket();  // it ends when this end is closed
  const auto gone = [&] {
    const auto there = sessions.find(run);
    return there == sessions.end() || there->second.pid != pid;
  };
  if (changed.wait_for(lock, session_end_time, gone)) return;
  ::kill(pid, SIGKILL);
  changed.wait(lock, gone);
}

void NodeAgent::State::wait_for_end(const std::string& run, pid_t pid) {
  int status = 0;
  // The process is there, and its number its own, until it is erased here.
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex);
  (void)::waitpid(pid, &status, 0);
  log(LogLevel::info, "run " + run + ": the session has ended: " + describe_status(status));
  const auto at = sessions.find(run);
  if (at != sessions.end() && at->second.pid == pid) sessions.erase(at);
  changed.notify_all();
}

Result<void> NodeAgent::State::start_session(const std::string& run) {
  auto ends = ipc::descriptor_channel();
  if (!ends) return ends.error();
  std::vector<std::string> words = options.session_program;
  words.insert(words.end(), {std::to_string(fd_in_session), run, options.token_file.string()});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends->second.fd(), fd_in_session);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, words.front().c_str(), &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    return Error{ErrorCode::io,
                 words.front() + ": cannot start a session: " + std::strerror(error)};
  sessions[run] = {pid, std::move(ends->first)};
  return {};
}

std::string NodeAgent::State::status() {
  std::string text = describe_machine();
  const std::lock_guard lock(mutex);
  text += ", " + std::to_string(sessions.size()) + (sessions.size() == 1 ? " run" : " runs");
  for (const auto& [run, session] : sessions) text += " " + run;
  return text.substr(0, ipc::most_greeting_bytes - 64);
}

// On a thread of its own.
void NodeAgent::State::serve(const std::shared_ptr<State>& self, ipc::Socket peer) {
  const auto greeted = ipc::receive_greeting(peer, token);
  --strangers;
  if (!greeted) return log(LogLevel::warning, "a peer was refused: " + greeted.error().message);
  ipc::expect_signs_of_life(peer, silence_of_orchestrators);
  const auto refuse = [&](const std::string& why) {
    log(LogLevel::warning, "a peer with the token was refused: " + why);
    (void)ipc::answer_greeting(peer, *greeted, why, true);
  };
  if (!greeted->refusal.empty()) return refuse(greeted->refusal);
  std::istringstream lines(greeted->purpose);
  std::string what, run;
  std::getline(lines, what);
  if (what == purpose_status) return (void)ipc::answer_greeting(peer, *greeted, status());
  if (what == purpose_clock) {
    if (!ipc::answer_greeting(peer, *greeted, "clock")) return;
    return ipc::answer_probes(peer, prof::host_realtime_ns);
  }
  std::getline(lines, run);
  if ((what != "run" && what != "channel") || !is_run_name(run))
    return refuse("found an unknown purpose, expected run, channel, clock or status");
  std::unique_lock lock(mutex);
  if (stopping) return refuse("this node is being ended");
  if (what == "run") {
    // An orchestrator that comes again has lost the session that it had.
    end_session(lock, run);
    if (sessions.size() >= most_sessions)
      return refuse("found " + std::to_string(sessions.size()) + " runs, expected fewer than " +
                    std::to_string(most_sessions));
    if (const auto started = start_session(run); !started) return refuse(started.error().message);
    std::thread([self, run, pid = sessions[run].pid] { self->wait_for_end(run, pid); }).detach();
  }
  const auto session = sessions.find(run);
  if (session == sessions.end() || !session->second.channel)
    return refuse("there is no run " + run);
  if (!ipc::answer_greeting(peer, *greeted, describe_machine())) return;
  if (const auto passed =
          ipc::pass_descriptor(session->second.channel, greeted->purpose, peer.fd());
      !passed)
    log(LogLevel::warning, "run " + run + ": " + passed.error().message);
}

Result<std::unique_ptr<NodeAgent>> NodeAgent::start(const NodeOptions& options) {
  auto token = ipc::Token::read(options.token_file);
  if (!token) return token.error();
  std::shared_ptr<State> state(new State{.options = options, .token = std::move(*token)});
  const auto where = ipc::parse_address(options.listen);
  if (!where) return Error{where.error().code, "--listen: " + where.error().message};
  auto listener = ipc::listen_at(*where);
  if (!listener) return listener.error();
  auto address = ipc::address_of(*listener);
  if (!address) return address.error();
  state->listener = std::move(listener).value();
  state->address = std::move(address).value();
  state->stop_event = ::eventfd(0, EFD_CLOEXEC);
  state->acceptor = std::thread([state] {
    for (;;) {
      std::array<pollfd, 2> waiting{
          {{state->listener.fd(), POLLIN, 0}, {state->stop_event, POLLIN, 0}}};
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
      if (waiting[1].revents != 0) return;
      auto peer = ipc::accept_from(state->listener);
      if (!peer) {
        // The peer is still in the queue, so poll() says so again at once.
        if (peer.error().code == ErrorCode::busy) std::this_thread::sleep_for(10ms);
        continue;
      }
      if (state->strangers >= most_strangers) continue;
      ++state->strangers;
      std::thread([state, peer = std::move(peer).value()]() mutable {
        state->serve(state, std::move(peer));
      }).detach();
    }
  });
  return std::unique_ptr<NodeAgent>(new NodeAgent(std::move(state)));
}

NodeAgent::~NodeAgent() {
  State& s = *state_;
  const std::uint64_t one = 1;
  (void)!::write(s.stop_event, &one, sizeof one);
  s.acceptor.join();
  std::unique_lock lock(s.mutex);
  s.stopping = true;
  for (auto& [run, session] : s.sessions) session.channel = ipc::Socket();
  if (s.changed.wait_for(lock, session_end_time, [&] { return s.sessions.empty(); })) return;
  for (auto& [run, session] : s.sessions) ::kill(session.pid, SIGKILL);
}

std::string NodeAgent::address() const { return state_->address.text(); }

Result<std::string> ask_node(const std::string& address, const std::filesystem::path& token_file) {
  const auto token = ipc::Token::read(token_file);
  if (!token) return token.error();
  const auto to = ipc::parse_address(address);
  if (!to) return to.error();
  std::string answer;
  const auto socket = dial_node(*to, *token, purpose_status, &answer);
  if (!socket) return socket.error();
  return answer;
}

}  // namespace limelight::actors
