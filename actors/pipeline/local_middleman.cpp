#include "actors/pipeline/local_middleman.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/network/acceptor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/scribe_impl.hpp>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

namespace limelight::actors {

namespace fs = std::filesystem;
namespace net = caf::io::network;

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

// One end of a connection. CAF's own class asks the socket for its TCP port, and aborts the process
// where there is none.
class LocalScribe final : public net::scribe_impl {
 public:
  using scribe_impl::scribe_impl;
  std::string addr() const override { return "local"; }
  std::uint16_t port() const override { return 0; }
};

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

// The listening socket with its file, as CAF's broker sees it. Made on any thread, from then on the
// network thread's.
class LocalDoorman final : public caf::io::doorman {
 public:
  LocalDoorman(net::default_multiplexer& network, int listener, fs::path path, PeerCheck check)
      : doorman(net::accept_hdl_from_socket(listener)),
        acceptor_(network, listener, std::move(check)),
        path_(std::move(path)) {}
  ~LocalDoorman() override { ::unlink(path_.c_str()); }

  bool new_connection() override {
    Descriptor peer(acceptor_.accepted_socket());
    if (detached()) return false;  // the broker has left, and this event was under way
    auto scribe = caf::make_counted<LocalScribe>(acceptor_.backend(), peer.release());
    const auto connection = scribe->hdl();
    parent()->add_scribe(std::move(scribe));
    return doorman::new_connection(&acceptor_.backend(), connection);
  }
  void launch() override { acceptor_.start(this); }
  void graceful_shutdown() override {
    acceptor_.graceful_shutdown();
    detach(&acceptor_.backend(), false);
  }
  void add_to_loop() override { acceptor_.activate(this); }
  void remove_from_loop() override { acceptor_.passivate(); }
  std::string addr() const override { return path_.string(); }
  // The broker finds the actor that is published here by this number. A descriptor is unique for as
  // long as it is open.
  std::uint16_t port() const override { return static_cast<std::uint16_t>(acceptor_.fd()); }

 private:
  net::acceptor_impl<CheckedAccept> acceptor_;
  fs::path path_;
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

Result<net::default_multiplexer*> network_of(caf::actor_system& system) {
  if (system.has_middleman())
    if (auto* network = dynamic_cast<net::default_multiplexer*>(&system.middleman().backend()))
      return network;
  return Error{ErrorCode::unavailable,
               "the actor system has no middleman with the default network backend"};
}

// The broker that speaks CAF's protocol. It takes both ends of a connection as CAF's own middleman
// actor hands them to it; asking it directly saves an actor with a thread and puts a limit to the
// wait.
caf::actor broker_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
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
  caf::io::doorman_ptr doorman =
      caf::make_counted<LocalDoorman>(**network, listener->release(), path, std::move(check));
  const std::uint16_t port = doorman->port();
  Result<void> published;
  caf::scoped_actor self(system, true);
  self->request(broker_of(system), connect_timeout, caf::publish_atom_v, std::move(doorman), port,
                std::move(actor), std::move(interface))
      .receive([] {},
               [&](const caf::error& error) {
                 published = failed(ErrorCode::unavailable, path,
                                    "CAF cannot publish an actor: " + system.render(error));
               });
  return published;
}

Result<caf::strong_actor_ptr> connect(caf::actor_system& system,
                                      const Interface& expected,
                                      const fs::path& path,
                                      const PeerCheck& check) {
  const auto network = network_of(system);
  if (!network) return network.error();
  auto socket = connect_to(path, check);
  if (!socket) return socket.error();
  caf::io::scribe_ptr scribe = caf::make_counted<LocalScribe>(**network, socket->release());
  Result<caf::strong_actor_ptr> connected = caf::strong_actor_ptr{};
  caf::scoped_actor self(system, true);
  self->request(broker_of(system), connect_timeout, caf::connect_atom_v, std::move(scribe),
                std::uint16_t{0})
      .receive(
          [&](const caf::node_id&, caf::strong_actor_ptr& actor, const Interface& found) {
            if (actor && system.assignable(found, expected)) connected = std::move(actor);
            else
              connected = failed(ErrorCode::invalid_argument, path,
                                 "no actor of the expected type is published");
          },
          [&](const caf::error& error) {
            const bool late = error == caf::sec::request_timeout;
            connected = failed(late ? ErrorCode::timeout : ErrorCode::unavailable, path,
                               "the handshake failed, or the other side refused this process: " +
                                   system.render(error));
          });
  return connected;
}

}  // namespace detail

}  // namespace limelight::actors
