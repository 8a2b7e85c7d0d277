// The port, and the connections that come to it. All on the loop's thread, but for open().
//
// Connections beyond most_connections are still heard, so that /health and /metrics answer however
// many clients there are; all else gets 429 there. Far beyond it they are closed at once.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <list>
#include <memory>
#include <string>

#include "actors/http/connection.hpp"
#include "actors/http/transport.hpp"

namespace limelight::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8091;  // 0: any that is free
  TlsFiles tls = {};
  ConnectionLimits limits = {};
  std::size_t most_connections = 1024;
};

class Server {
 public:
  using Handle = std::function<void(std::shared_ptr<Exchange>)>;
  // Errors: those of Listener::open().
  static Result<std::unique_ptr<Server>> open(Loop& loop, const ServerOptions& options);
  ~Server();
  void begin(Handle handle, std::function<void(const AccessRecord&)> on_record);
  int port() const { return listener_->port(); }
  bool is_local() const { return listener_->is_local(); }  // only this machine reaches it
  std::size_t connections() const { return owner_->open; }
  std::size_t busy_connections() const;  // with an answer that was not read to its end
  // From now on each answer is the last of its connection.
  void drain();
  void close_all();

 private:
  Server(Loop& loop, const ServerOptions& options);
  void accept(std::unique_ptr<Transport> transport);
  static constexpr std::size_t reserve = 64;  // connections beyond the most

  std::shared_ptr<Connection::Owner> owner_;
  std::size_t most_connections_;
  std::unique_ptr<Listener> listener_;
  std::list<std::weak_ptr<Connection>> connections_;
};

}  // namespace limelight::http
