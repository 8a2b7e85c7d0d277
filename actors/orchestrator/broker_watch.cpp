#include "actors/orchestrator/broker_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace limelight::actors {

BrokerWatch::BrokerWatch(int pid, std::function<void()> on_end)
    : pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
      stop_fd_(::eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this, on_end = std::move(on_end)] {
    if (pidfd_ < 0) return on_end();
    pollfd waiting[] = {{pidfd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {}
    if (waiting[1].revents == 0 && waiting[0].revents != 0) on_end();
  });
}

BrokerWatch::~BrokerWatch() {
  const std::uint64_t one = 1;
  (void)!::write(stop_fd_, &one, sizeof one);
  thread_.join();
  for (const int fd : {pidfd_, stop_fd_})
    if (fd >= 0) ::close(fd);
}

}  // namespace limelight::actors
