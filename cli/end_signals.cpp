#include "cli/end_signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace limelight::cli {

namespace {
int pipe_ends[2] = {-1, -1};  // global, because a signal handler has no argument

void put(char byte) {
  const int kept = errno;
  (void)!::write(pipe_ends[1], &byte, 1);
  errno = kept;
}

void take_signals(const std::vector<int>& signals, std::vector<struct sigaction>& before) {
  struct sigaction action {};
  action.sa_handler = [](int signal) { put(static_cast<char>(signal)); };
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    ::sigaction(signals[i], nullptr, &before[i]);
    // nohup starts a program that is to outlive its terminal with this signal ignored.
    if (signals[i] == SIGHUP && before[i].sa_handler == SIG_IGN) continue;
    ::sigaction(signals[i], &action, nullptr);
  }
}
void give_back(const std::vector<int>& signals, const std::vector<struct sigaction>& before) {
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before[i], nullptr);
}
}  // namespace

std::string name_signal(int signal) {
  switch (signal) {
    case SIGINT: return "Ctrl-C";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP (its terminal was closed)";
    case SIGQUIT: return "SIGQUIT";
    default: return "signal " + std::to_string(signal);
  }
}

EndSignals::EndSignals(std::vector<int> signals)
    : signals_(std::move(signals)), before_(signals_.size()) {
  if (::pipe2(pipe_ends, O_CLOEXEC) == 0) take_signals(signals_, before_);
}

EndSignals::~EndSignals() {
  stop();
  if (pipe_ends[0] >= 0) give_back(signals_, before_);
  for (int& end : pipe_ends) {
    ::close(end);
    end = -1;
  }
}

void EndSignals::watch(std::function<void(int)> on_signal) {
  thread_ = std::thread([on_signal = std::move(on_signal)] {
    for (;;) {
      char byte = 0;
      while (::read(pipe_ends[0], &byte, 1) < 0 && errno == EINTR) {}
      if (byte == 0) return;
      on_signal(byte);
    }
  });
}

void EndSignals::stop() {
  if (!thread_.joinable()) return;
  put(0);
  thread_.join();
}

}  // namespace limelight::cli
