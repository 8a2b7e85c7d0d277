// TCP sockets, and whole messages over them.
//
// A Socket owns its descriptor, which blocks. Any thread may call shutdown() while others send or
// receive: they fail then. Errors: io (with the system's reason), timeout, cancelled (the other
// side has closed).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limelight/result.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace limelight::ipc {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void shutdown() const noexcept;

 private:
  int fd_ = -1;
};

struct NetworkAddress {
  std::string host;  // a name, or an address of IPv4 or IPv6
  std::uint16_t port = 0;
  std::string text() const;  // such as "10.0.0.2:7420" or "[::1]:7420"
};

// "HOST:PORT", or "[ADDRESS]:PORT" for IPv6. Errors: invalid_argument.
Result<NetworkAddress> parse_address(std::string_view text);

// Port 0: one that is free; address_of() says which.
Result<Socket> listen_at(const NetworkAddress& address);
Result<NetworkAddress> address_of(const Socket& socket);
Result<Socket> connect_to(const NetworkAddress& address, std::chrono::milliseconds timeout);

// What the one that listens has in its queue. Errors: busy (no descriptor or memory is left, so the
// peer stays in the queue), io (there is none any more).
Result<Socket> accept_from(const Socket& listener);

// A peer that neither sends nor confirms anything for so long has closed.
void expect_signs_of_life(const Socket& socket, std::chrono::milliseconds silence);

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline no_deadline = Deadline::max();

Result<void> send_all(const Socket& socket,
                      std::span<const std::byte> head,
                      std::span<const std::byte> data = {});
Result<void> receive_all(const Socket& socket,
                         std::span<std::byte> data,
                         Deadline deadline = no_deadline);

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}
template <class T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span<T, 1>(&value, 1));
}

}  // namespace limelight::ipc
