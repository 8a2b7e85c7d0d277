#include "actors/http/socket_progress.hpp"

// In place of netinet/tcp.h, which Boost.Asio includes: its tcp_info ends before the count.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace limelight::http {

SocketProgress progress_of(int descriptor) noexcept {
  SocketProgress progress;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
    progress.acknowledged = info.tcpi_bytes_acked;
  int left = 0;
  if (::ioctl(descriptor, SIOCOUTQ, &left) == 0 && left > 0)
    progress.left = static_cast<std::size_t>(left);
  return progress;
}

}  // namespace limelight::http
