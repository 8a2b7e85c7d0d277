#include "bench/loopback.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace limelight::bench {

namespace {

void answer_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

[[noreturn]] void echo(const sockaddr_in& to, const Echoes::Work& work) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) _exit(1);
  answer_at_once(socket);
  std::array<char, 4096> bytes;
  for (ssize_t n; (n = ::read(socket, bytes.data(), bytes.size())) > 0;) {
    if (work) work();
    if (::write(socket, bytes.data(), static_cast<std::size_t>(n)) != n) break;
  }
  _exit(0);
}

}  // namespace

Result<Echoes> Echoes::start(int processes, const std::function<Work(int)>& work) {
  Echoes echoes;
  const int door = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const auto fail = [&] {
    const Error error{ErrorCode::unavailable,
                      std::string("cannot use TCP on loopback: ") + std::strerror(errno)};
    if (door >= 0) ::close(door);
    return error;
  };
  if (door < 0 || ::bind(door, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(door, processes) != 0 ||
      ::getsockname(door, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return fail();
  for (int i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(door);
      for (const int others : echoes.sockets_)
        ::close(others);  // otherwise the other processes would never see the end of file
      echo(address, work ? work(i) : Work());
    }
    if (child < 0) return fail();
    echoes.children_.push_back(child);
    const int socket = ::accept4(door, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return fail();
    answer_at_once(socket);
    echoes.sockets_.push_back(socket);
  }
  ::close(door);
  return echoes;
}

Echoes::Echoes(Echoes&& other) noexcept
    : sockets_(std::exchange(other.sockets_, {})), children_(std::exchange(other.children_, {})) {}

Echoes::~Echoes() {
  for (const int socket : sockets_) ::close(socket);
  for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
}

void Echoes::ask(std::size_t bytes) {
  std::array<char, 4096> buffer{};
  std::vector<pollfd> waiting;
  for (const int socket : sockets_) {
    (void)!::write(socket, buffer.data(), bytes);
    waiting.push_back({socket, POLLIN, 0});
  }
  std::vector<std::size_t> left(sockets_.size(), bytes);
  for (std::size_t open = sockets_.size(); open > 0;) {
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if ((waiting[i].revents & (POLLIN | POLLHUP)) == 0) continue;
      const ssize_t n = ::read(sockets_[i], buffer.data(), buffer.size());
      left[i] = n <= 0 ? 0 : left[i] - std::min(left[i], static_cast<std::size_t>(n));
      if (left[i] > 0) continue;
      waiting[i].fd = -1;
      --open;
    }
  }
}

}  // namespace limelight::bench
