// Connections as streams of bytes, with or without TLS, and the port that they come to. All on the
// loop's thread.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "actors/http/loop.hpp"
#include "actors/http/socket_progress.hpp"

namespace limelight::http {

// One connection. Only one read, and one write, may be under way at a time; what they refer to
// stays where it is until they are done. The callbacks are called later, never within a call.
class Transport {
 public:
  virtual ~Transport() = default;
  // Before all else. done(false): the peer does not speak TLS, or nothing that is accepted here.
  virtual void handshake(std::function<void(bool good)> done) = 0;
  // done(0): the peer has closed its side, or the connection is gone.
  virtual void read(std::span<char> into, std::function<void(std::size_t size)> done) = 0;
  // Writes all of it. done(false): the connection is gone.
  virtual void write(std::string_view bytes, std::function<void(bool good)> done) = 0;
  // Tells the peer that nothing follows; it can still read what was written.
  virtual void finish() = 0;
  // Ends what is under way, as gone.
  virtual void close() = 0;
  virtual const std::string& peer() const = 0;  // address and port
  // How far the peer has read, in bytes of the connection (with TLS: encrypted ones).
  virtual SocketProgress progress() const = 0;
};

// The certificate of the server and its key, as PEM files. Empty: no TLS.
struct TlsFiles {
  std::string certificate, key;
};

class Listener {
 public:
  using OnAccept = std::function<void(std::unique_ptr<Transport>)>;
  // Listens at once; accepts from begin() on. port: 0 for any that is free. Errors:
  // invalid_argument (a host that is no address of this machine, a certificate or a key that cannot
  // be used), unavailable (the port is taken).
  static Result<std::unique_ptr<Listener>> open(Loop& loop,
                                                const std::string& host,
                                                int port,
                                                const TlsFiles& tls);
  ~Listener();
  void begin(OnAccept on_accept);
  int port() const;
  bool is_local() const;  // the address is one that only this machine reaches

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace limelight::http
