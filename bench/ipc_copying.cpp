// The transports that copy: a UNIX socket, and ZeroMQ over a UNIX socket if it is installed.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "bench/ipc_shared.hpp"
#include "profiling/record/clock.hpp"
#ifdef LIMELIGHT_HAS_ZEROMQ
#include <zmq.h>
#endif

namespace limelight::bench {

namespace prof = limelight::profiling;

namespace {

constexpr double patience_ns = 10e9;
bool out_of_patience(std::uint64_t start) {
  return prof::ticks_to_ns(static_cast<std::int64_t>(prof::ticks() - start)) > patience_ns;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path.c_str(), sizeof name.sun_path - 1);
  return name;
}

// The format of a message: its length in 8 bytes, then its bytes.
class SocketSender final : public Sender {
 public:
  SocketSender(const std::string& address, std::uint64_t max_bytes) : buffer_(8 + max_bytes, 1) {
    const sockaddr_un name = address_of(address + ".socket");
    for (int tries = 0; tries < 2000; ++tries) {
      fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) return;
      ::close(fd_);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    fd_ = -1;
  }
  ~SocketSender() override { ::close(fd_); }
  bool send(std::uint64_t sequence, std::uint64_t bytes) override {
    const Stamp stamp{sequence, prof::ticks()};
    std::memcpy(buffer_.data(), &bytes, sizeof bytes);
    std::memcpy(buffer_.data() + 8, &stamp, sizeof stamp);
    for (std::uint64_t sent = 0; sent < 8 + bytes;) {
      const ssize_t n = ::send(fd_, buffer_.data() + sent, 8 + bytes - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      sent += static_cast<std::uint64_t>(n);
    }
    return true;
  }
  bool connected() const override { return fd_ >= 0; }

 private:
  std::vector<char> buffer_;
  int fd_ = -1;
};

class SocketReceiver final : public Receiver {
 public:
  SocketReceiver(const std::string& address, std::uint64_t max_bytes)
      : path_(address + ".socket"), buffer_(8 + max_bytes) {
    const sockaddr_un name = address_of(path_);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    timeval limit{10, 0};
    ::setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 &&
        ::listen(listener, 1) == 0)
      fd_ = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~SocketReceiver() override {
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  bool receive(bool polling, Stamp& stamp, std::uint64_t& end_ticks) override {
    const std::uint64_t start = prof::ticks();
    std::uint64_t whole = 8;
    for (std::uint64_t got = 0; got < whole;) {
      const ssize_t n = ::recv(fd_, buffer_.data() + got, (got < 8 ? 8 : whole) - got,
                               polling ? MSG_DONTWAIT : 0);
      if (n < 0 && (errno == EINTR || (polling && errno == EAGAIN)) && !out_of_patience(start))
        continue;
      if (n <= 0) return false;
      got += static_cast<std::uint64_t>(n);
      if (got != 8 || whole != 8) continue;
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, buffer_.data(), sizeof bytes);
      if (8 + bytes > buffer_.size()) return false;
      whole = 8 + bytes;
    }
    end_ticks = prof::ticks();
    std::memcpy(&stamp, buffer_.data() + 8, sizeof stamp);
    return true;
  }
  bool connected() const override { return fd_ >= 0; }

 private:
  std::string path_;
  std::vector<char> buffer_;
  int fd_ = -1;
};

#ifdef LIMELIGHT_HAS_ZEROMQ
struct Context {
  void* context = zmq_ctx_new();
  void* socket = nullptr;
  explicit Context(int kind) : socket(zmq_socket(context, kind)) {
    const int limit = 10'000, linger = 0;
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &limit, sizeof limit);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &limit, sizeof limit);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
  }
  ~Context() {
    zmq_close(socket);
    zmq_ctx_term(context);
  }
};

class ZeroMqSender final : public Sender {
 public:
  ZeroMqSender(const std::string& address, std::uint64_t max_bytes)
      : zmq_(ZMQ_PUSH), buffer_(max_bytes, 1) {
    ok_ = zmq_connect(zmq_.socket, ("ipc://" + address + ".zmq").c_str()) == 0;
  }
  bool send(std::uint64_t sequence, std::uint64_t bytes) override {
    const Stamp stamp{sequence, prof::ticks()};
    std::memcpy(buffer_.data(), &stamp, sizeof stamp);
    return zmq_send(zmq_.socket, buffer_.data(), bytes, 0) == static_cast<int>(bytes);
  }
  bool connected() const override { return ok_; }

 private:
  Context zmq_;
  std::vector<char> buffer_;
  bool ok_ = false;
};

class ZeroMqReceiver final : public Receiver {
 public:
  explicit ZeroMqReceiver(const std::string& address) : zmq_(ZMQ_PULL) {
    ok_ = zmq_bind(zmq_.socket, ("ipc://" + address + ".zmq").c_str()) == 0;
  }
  bool receive(bool polling, Stamp& stamp, std::uint64_t& end_ticks) override {
    const std::uint64_t start = prof::ticks();
    zmq_msg_t message;
    zmq_msg_init(&message);
    bool got = false;
    while (!(got = zmq_msg_recv(&message, zmq_.socket, polling ? ZMQ_DONTWAIT : 0) >= 0))
      if (!polling || out_of_patience(start)) break;
    end_ticks = prof::ticks();
    got = got && zmq_msg_size(&message) >= sizeof stamp;
    if (got) std::memcpy(&stamp, zmq_msg_data(&message), sizeof stamp);
    zmq_msg_close(&message);
    return got;
  }
  bool connected() const override { return ok_; }

 private:
  Context zmq_;
  bool ok_ = false;
};
#endif

}  // namespace

Transport socket_transport() {
  return {"socket",
          [](const std::string& address, std::uint64_t most) -> std::unique_ptr<Sender> {
            return std::make_unique<SocketSender>(address, most);
          },
          [](const std::string& address, std::uint64_t most) -> std::unique_ptr<Receiver> {
            return std::make_unique<SocketReceiver>(address, most);
          }};
}

const std::vector<Transport>& transports() {
  static const std::vector<Transport> all{
      limelight_transport(),
      iceoryx_transport(),
#ifdef LIMELIGHT_HAS_ZEROMQ
      {"zeromq",
       [](const std::string& address, std::uint64_t most) -> std::unique_ptr<Sender> {
         return std::make_unique<ZeroMqSender>(address, most);
       },
       [](const std::string& address, std::uint64_t) -> std::unique_ptr<Receiver> {
         return std::make_unique<ZeroMqReceiver>(address);
       }},
#endif
      socket_transport()};
  return all;
}

}  // namespace limelight::bench
