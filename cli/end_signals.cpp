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
void set_action(const std::vector<int>& signals, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}
}  // namespace

EndSignals::EndSignals(std::vector<int> signals) : signals_(std::move(signals)) {
  if (::pipe2(pipe_ends, O_CLOEXEC) == 0)
    set_action(signals_, [](int signal) { put(static_cast<char>(signal)); });
}

EndSignals::~EndSignals() {
  stop();
  set_action(signals_, SIG_DFL);
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
