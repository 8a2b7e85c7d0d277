#include "actors/pipeline/local_middleman.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "actors/pipeline/peer_scribe.hpp"

namespace limelight::actors {

namespace fs = std::filesystem;

bool same_user(const PeerCredentials& peer) noexcept { return peer.uid == ::geteuid(); }

namespace {

// How long the network thread rests when the process has no descriptor or memory left for a peer.
constexpr std::chrono::milliseconds exhausted_pause{1};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error failed(ErrorCode code, const fs::path& path, const std::string& what) {
  return {code, path.string() + ": " + what};
}
Error failed_call(ErrorCode code, const fs::path& path, const std::string& what) {
  return failed(code, path, what + ": " + std::strerror(errno));
}

std::optional<PeerCredentials> credentials_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return PeerCredentials{peer.uid, peer.pid};
}

// An empty name, or one with a zero in it, would stand for another address than the file's.
Result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.empty() || name.size() >= sizeof address.sun_path ||
      name.find('\0') != std::string::npos)
    return failed(ErrorCode::invalid_argument, path,
                  "not a path for a socket: found " + std::to_string(name.size()) +
                      " bytes, expected 1 to " + std::to_string(sizeof address.sun_path - 1) +
                      ", none of them zero");
  name.copy(address.sun_path, name.size());
  return address;
}

// A listener that was killed leaves its file, at which nobody answers any more.
bool left_behind(const fs::path& path, const sockaddr_un& address) {
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  std::error_code ignored;
  return fs::is_socket(path, ignored) && probe &&
         ::connect(probe.get(), name, sizeof address) != 0 && errno == ECONNREFUSED;
}

// Stands where CAF calls accept(). Network thread.
class CheckedAccept {
 public:
  explicit CheckedAccept(PeerCheck check) : check_(std::move(check)) {}

  bool try_accept(int& accepted, int listener) {
    Descriptor peer(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer) {
      // The peer is still in the queue, so epoll reports it again at once. With any other error it
      // has left, or there was none.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        std::this_thread::sleep_for(exhausted_pause);
      return false;
    }
    const auto credentials = credentials_of(peer.get());
    if (!credentials || !check_(*credentials)) return false;
    accepted = peer.release();
    return true;
  }

 private:
  PeerCheck check_;
};

Result<Descriptor> listen_at(const fs::path& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  struct stat folder {};
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (::stat(parent.c_str(), &folder) != 0)
    return failed_call(ErrorCode::io, parent, "cannot look at the folder");
  if (!S_ISDIR(folder.st_mode) || folder.st_uid != ::geteuid() || (folder.st_mode & 077) != 0)
    return failed(ErrorCode::invalid_argument, parent,
                  "expected a folder of this user alone (mode 0700)");
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener) return failed_call(ErrorCode::io, path, "cannot make a socket");
  if (listener.get() > std::numeric_limits<std::uint16_t>::max())
    return failed(ErrorCode::io, path, "cannot publish here: more than 65535 descriptors are open");
  // The file gets the mode that the socket has when it is bound.
  if (::fchmod(listener.get(), 0600) != 0)
    return failed_call(ErrorCode::io, path, "cannot restrict the socket");
  const auto* name = reinterpret_cast<const sockaddr*>(&*address);
  int bound = ::bind(listener.get(), name, sizeof *address);
  // Process ids come again, and with them the names of runs: at once where a container is started
  // anew.
  if (bound != 0 && errno == EADDRINUSE) {
    if (left_behind(path, *address)) ::unlink(path.c_str());
    bound = ::bind(listener.get(), name, sizeof *address);
  }
  if (bound != 0)
    return failed_call(errno == EADDRINUSE ? ErrorCode::busy : ErrorCode::io, path,
                       "cannot bind the socket");
  if (::listen(listener.get(), SOMAXCONN) != 0) {
    Error error = failed_call(ErrorCode::io, path, "cannot listen");
    ::unlink(path.c_str());
    return error;
  }
  return listener;
}

Result<Descriptor> connect_to(const fs::path& path, const PeerCheck& check) {
  const auto address = address_of(path);
  if (!address) return address.error();
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return failed_call(ErrorCode::io, path, "cannot make a socket");
  // connect() waits while the queue of the one that listens is full, for as long as a send would.
  const timeval limit{connect_timeout.count(), 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
    return failed_call(ErrorCode::io, path, "cannot limit the wait");
  const auto* name = reinterpret_cast<const sockaddr*>(&*address);
  int connected = -1;
  do connected = ::connect(socket.get(), name, sizeof *address);
  while (connected != 0 && errno == EINTR);
  if (connected != 0) {
    const int reason = errno;
    std::error_code ignored;
    if (reason == ECONNREFUSED && !fs::is_socket(path, ignored))
      return failed(ErrorCode::invalid_argument, path, "not a socket");
    errno = reason;
    if (reason == ENOENT || reason == ECONNREFUSED)
      return failed_call(ErrorCode::not_found, path, "nobody listens");
    return failed_call(reason == EAGAIN ? ErrorCode::timeout : ErrorCode::io, path,
                       "cannot connect");
  }
  const auto credentials = credentials_of(socket.get());
  if (!credentials) return failed_call(ErrorCode::io, path, "cannot see who listens");
  if (!check(*credentials))
    return failed(ErrorCode::unavailable, path,
                  "refused to talk to who listens: user " + std::to_string(credentials->uid) +
                      ", process " + std::to_string(credentials->pid));
  return socket;
}

}  // namespace

namespace detail {

Result<void> publish(caf::actor_system& system,
                     caf::strong_actor_ptr actor,
                     Interface interface,
                     const fs::path& path,
                     PeerCheck check) {
  const auto network = network_of(system);
  if (!network) return network.error();
  auto listener = listen_at(path);
  if (!listener) return listener.error();
  // The socket and its file go together.
  caf::io::doorman_ptr doorman = caf::make_counted<PeerDoorman<CheckedAccept>>(
      **network, listener->release(), CheckedAccept(std::move(check)), path.string(),
      [path] { ::unlink(path.c_str()); });
  return publish_at(system, std::move(doorman), std::move(actor), std::move(interface),
                    path.string());
}

Result<caf::strong_actor_ptr> connect(caf::actor_system& system,
                                      const Interface& expected,
                                      const fs::path& path,
                                      const PeerCheck& check) {
  auto socket = connect_to(path, check);
  if (!socket) return socket.error();
  return actor_behind(system, socket->release(), expected, path.string());
}

}  // namespace detail

}  // namespace limelight::actors
