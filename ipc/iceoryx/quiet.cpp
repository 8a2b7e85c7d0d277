#include "ipc/iceoryx/quiet.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <iceoryx_hoofs/cxx/requires.hpp>
#include <iceoryx_hoofs/error_handling/error_handling.hpp>
#include <iceoryx_hoofs/internal/posix_wrapper/unix_domain_socket.hpp>

namespace limelight::ipc {
void keep_iceoryx_quiet() noexcept {}
}  // namespace limelight::ipc

namespace iox::cxx::internal {

void Require(const bool condition, const char*, const int, const char*, const char*) noexcept {
  if (!condition) errorHandler(Error::kEXPECTS_ENSURES_FAILED, nullptr, ErrorLevel::FATAL);
}

}  // namespace iox::cxx::internal

namespace iox::posix {

// A message is a text with its final zero. A timeout of 0 means none.
cxx::expected<IpcChannelError> UnixDomainSocket::timedSend(
    const std::string& msg, const units::Duration& timeout) const noexcept {
  if (msg.size() >= m_maxMessageSize)
    return cxx::error<IpcChannelError>(IpcChannelError::MESSAGE_TOO_LONG);
  if (m_sockfd == INVALID_FD) return cxx::error<IpcChannelError>(IpcChannelError::NOT_INITIALIZED);
  if (m_channelSide == IpcChannelSide::SERVER)
    return cxx::error<IpcChannelError>(IpcChannelError::INTERNAL_LOGIC_ERROR);
  const struct timeval longest = timeout;
  if (::setsockopt(m_sockfd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest) != 0)
    return cxx::error<IpcChannelError>(convertErrnoToIpcChannelError(errno));
  const std::size_t bytes = msg.size() + 1;
  ssize_t sent = 0;
  do sent = ::send(m_sockfd, msg.c_str(), bytes, 0);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return cxx::error<IpcChannelError>(convertErrnoToIpcChannelError(errno));
  return cxx::success<void>();
}

cxx::expected<IpcChannelError> UnixDomainSocket::send(const std::string& msg) const noexcept {
  return timedSend(msg, units::Duration::fromSeconds(0ULL));
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): iceoryx declares it
IpcChannelError UnixDomainSocket::convertErrnoToIpcChannelError(
    const int32_t errnum) const noexcept {
  switch (errnum) {
    case EACCES: return IpcChannelError::ACCESS_DENIED;
    case EAFNOSUPPORT: return IpcChannelError::INVALID_ARGUMENTS;
    case EINVAL: return IpcChannelError::INVALID_ARGUMENTS;
    case EMFILE: return IpcChannelError::PROCESS_LIMIT;
    case ENFILE: return IpcChannelError::SYSTEM_LIMIT;
    case ENOBUFS:
    case ENOMEM: return IpcChannelError::OUT_OF_MEMORY;
    case EPROTONOSUPPORT: return IpcChannelError::INVALID_ARGUMENTS;
    case EADDRINUSE: return IpcChannelError::CHANNEL_ALREADY_EXISTS;
    case EBADF:
    case ENOTSOCK: return IpcChannelError::INVALID_FILE_DESCRIPTOR;
    case EADDRNOTAVAIL:
    case EFAULT:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR: return IpcChannelError::INVALID_CHANNEL_NAME;
    case EROFS: return IpcChannelError::INVALID_CHANNEL_NAME;
    case EIO: return IpcChannelError::I_O_ERROR;
    case ENOENT:
    case ECONNREFUSED: return IpcChannelError::NO_SUCH_CHANNEL;
    case ECONNRESET: return IpcChannelError::CONNECTION_RESET_BY_PEER;
    case EWOULDBLOCK: return IpcChannelError::TIMEOUT;
    default: return IpcChannelError::INTERNAL_LOGIC_ERROR;
  }
}

}  // namespace iox::posix
