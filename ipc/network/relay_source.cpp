#include "ipc/network/relay_source.hpp"

#include "base/log.hpp"

namespace limelight::ipc {

namespace {
constexpr std::chrono::milliseconds pause_between_tries{200};
}

std::optional<Socket> DialledConnections::next() {
  for (bool first = true;; first = false) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return std::nullopt;
    }
    auto socket = dial_();
    if (socket) return std::move(socket).value();
    if (first) log(LogLevel::info, name_ + ": tries again: " + socket.error().message);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, pause_between_tries, [this] { return stopped_; });
  }
}

void DialledConnections::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

std::optional<Socket> ComingConnections::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || waiting_.has_value(); });
  if (stopped_) return std::nullopt;
  return std::exchange(waiting_, std::nullopt);
}

void ComingConnections::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void ComingConnections::add(Socket socket) {
  const std::lock_guard lock(mutex_);
  waiting_ = std::move(socket);
  changed_.notify_all();
}

}  // namespace limelight::ipc
