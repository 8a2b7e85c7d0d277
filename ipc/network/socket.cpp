#include "ipc/network/socket.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/try.hpp"
#include "base/whole_number.hpp"

namespace limelight::ipc {

using namespace std::chrono_literals;

namespace {

Error call_failed(const std::string& what, int reason = errno) {
  return {ErrorCode::io, what + ": " + std::strerror(reason)};
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Addresses> resolve(const NetworkAddress& address, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0)
    return Error{ErrorCode::io, address.text() + ": no such address: " + ::gai_strerror(failed)};
  return Addresses(found, &::freeaddrinfo);
}

// Milliseconds for poll(): -1 without a deadline.
int left(Deadline deadline) {
  if (deadline == no_deadline) return -1;
  const auto rest =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(rest.count(), 0, 1'000'000));
}

// Small messages leave at once.
void send_at_once(int fd) {
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // After a cut the next try comes soon, also where several have failed.
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &on, sizeof on);
}

Result<Socket> connect_one(const addrinfo& to, const std::string& name, Deadline deadline) {
  Socket socket(::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return call_failed(name + ": cannot make a socket");
  if (::connect(socket.fd(), to.ai_addr, to.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return call_failed(name + ": cannot connect");
    pollfd waiting{socket.fd(), POLLOUT, 0};
    int ready = 0;
    do ready = ::poll(&waiting, 1, left(deadline));
    while (ready < 0 && errno == EINTR);
    if (ready == 0) return Error{ErrorCode::timeout, name + ": nobody answers"};
    int reason = 0;
    socklen_t size = sizeof reason;
    (void)::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &reason, &size);
    if (reason != 0) return call_failed(name + ": cannot connect", reason);
  }
  (void)::fcntl(socket.fd(), F_SETFL, ::fcntl(socket.fd(), F_GETFL) & ~O_NONBLOCK);
  send_at_once(socket.fd());
  return socket;
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}
void Socket::shutdown() const noexcept {
  if (fd_ >= 0) (void)::shutdown(fd_, SHUT_RDWR);
}

std::string NetworkAddress::text() const {
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<NetworkAddress> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  NetworkAddress address;
  bool good = colon != std::string_view::npos && colon > 0;
  if (good) {
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto port = whole_number<std::uint16_t>(std::string(text.substr(colon + 1)));
    good = port.has_value() && !host.empty() &&
           (bracketed || host.find(':') == std::string_view::npos) &&
           host.find_first_of(" \t/") == std::string_view::npos;
    if (good) address = {std::string(host), *port};
  }
  if (!good)
    return Error{ErrorCode::invalid_argument,
                 "found '" + std::string(text) +
                     "', expected HOST:PORT, such as 10.0.0.2:7420 or [fd00::2]:7420"};
  return address;
}

Result<Socket> listen_at(const NetworkAddress& address) {
  const auto found = resolve(address, AI_PASSIVE);
  if (!found) return found.error();
  const addrinfo& to = **found;
  Socket socket(::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return call_failed(address.text() + ": cannot make a socket");
  const int on = 1;
  (void)::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.fd(), to.ai_addr, to.ai_addrlen) != 0 || ::listen(socket.fd(), SOMAXCONN) != 0)
    return call_failed(address.text() + ": cannot listen");
  return socket;
}

Result<NetworkAddress> address_of(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (::getsockname(socket.fd(), name, &size) != 0 ||
      ::getnameinfo(name, size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return call_failed("cannot see where the socket listens");
  return NetworkAddress{host.data(), whole_number<std::uint16_t>(port.data()).value_or(0)};
}

Result<Socket> connect_to(const NetworkAddress& address, std::chrono::milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  const auto found = resolve(address, 0);
  if (!found) return found.error();
  Error last{ErrorCode::io, address.text() + ": no such address"};
  for (const addrinfo* to = found->get(); to != nullptr; to = to->ai_next) {
    auto socket = connect_one(*to, address.text(), deadline);
    if (socket) return socket;
    last = socket.error();
  }
  return last;
}

Result<Socket> accept_from(const Socket& listener) {
  Socket peer(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!peer) {
    const bool exhausted =
        errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return Error{exhausted ? ErrorCode::busy : ErrorCode::io, std::strerror(errno)};
  }
  send_at_once(peer.fd());
  return peer;
}

void expect_signs_of_life(const Socket& socket, std::chrono::milliseconds silence) {
  const int on = 1, probes = 3,
            interval = static_cast<int>(std::max<std::int64_t>(silence.count() / 4000, 1));
  const auto most = static_cast<unsigned>(silence.count());
  (void)::setsockopt(socket.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)::setsockopt(socket.fd(), IPPROTO_TCP, TCP_KEEPIDLE, &interval, sizeof interval);
  (void)::setsockopt(socket.fd(), IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  (void)::setsockopt(socket.fd(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  (void)::setsockopt(socket.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &most, sizeof most);
}

Result<void> send_all(const Socket& socket,
                      std::span<const std::byte> head,
                      std::span<const std::byte> data) {
  std::array<iovec, 2> parts{{{const_cast<std::byte*>(head.data()), head.size()},
                              {const_cast<std::byte*>(data.data()), data.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (std::size_t rest = head.size() + data.size(); rest > 0;) {
    const ssize_t sent = ::sendmsg(socket.fd(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return call_failed("cannot send");
    rest -= static_cast<std::size_t>(sent);
    for (auto done = static_cast<std::size_t>(sent); iovec & part : parts) {
      const std::size_t of_this = std::min(done, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + of_this;
      part.iov_len -= of_this;
      done -= of_this;
    }
  }
  return {};
}

Result<void> receive_all(const Socket& socket, std::span<std::byte> data, Deadline deadline) {
  while (!data.empty()) {
    if (deadline != no_deadline) {
      pollfd waiting{socket.fd(), POLLIN, 0};
      const int ready = ::poll(&waiting, 1, left(deadline));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) return Error{ErrorCode::timeout, "the other side does not answer"};
    }
    // The whole of a tensor is worth one wake-up.
    const int whole = deadline == no_deadline ? MSG_WAITALL : 0;
    const ssize_t got = ::recv(socket.fd(), data.data(), data.size(), whole);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return call_failed("cannot receive");
    if (got == 0) return Error{ErrorCode::cancelled, "the other side has closed the connection"};
    data = data.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

}  // namespace limelight::ipc
