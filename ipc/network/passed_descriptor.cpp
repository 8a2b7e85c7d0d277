#include "ipc/network/passed_descriptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace limelight::ipc {

namespace {
constexpr std::size_t most_text = 4096;
}

Result<std::pair<Socket, Socket>> descriptor_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error{ErrorCode::io,
                 std::string("cannot make a pair of sockets: ") + std::strerror(errno)};
  return std::pair(Socket(ends[0]), Socket(ends[1]));
}

Result<void> pass_descriptor(const Socket& channel, std::string_view text, int fd) {
  iovec data{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  ssize_t sent = -1;
  do sent = ::sendmsg(channel.fd(), &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return Error{ErrorCode::io,
                 std::string("cannot hand a connection on: ") + std::strerror(errno)};
  return {};
}

Result<PassedDescriptor> receive_descriptor(const Socket& channel) {
  std::string text(most_text, '\0');
  iovec data{text.data(), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do got = ::recvmsg(channel.fd(), &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return Error{ErrorCode::io,
                 std::string("cannot take a connection over: ") + std::strerror(errno)};
  if (got == 0) return Error{ErrorCode::cancelled, "the other end is closed"};
  PassedDescriptor passed;
  text.resize(static_cast<std::size_t>(got));
  passed.text = std::move(text);
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head))
    if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof(int))) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
      passed.socket = Socket(fd);
    }
  if (!passed.socket || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return Error{ErrorCode::corrupt, "found a message without a descriptor, expected one"};
  return passed;
}

}  // namespace limelight::ipc
