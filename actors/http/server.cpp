#include "actors/http/server.hpp"

#include "actors/http/api_error.hpp"

namespace limelight::http {

Server::Server(Loop& loop, const ServerOptions& options)
    : owner_(std::make_shared<Connection::Owner>(
          Connection::Owner{.loop = loop, .limits = options.limits})),
      most_connections_(options.most_connections) {}

Result<std::unique_ptr<Server>> Server::open(Loop& loop, const ServerOptions& options) {
  std::unique_ptr<Server> server(new Server(loop, options));
  auto listener = Listener::open(loop, options.host, options.port, options.tls);
  if (!listener) return listener.error();
  server->listener_ = std::move(listener).value();
  return server;
}

Server::~Server() {
  owner_->handle = nullptr;
  owner_->on_record = nullptr;
}

void Server::begin(Handle handle, std::function<void(const AccessRecord&)> on_record) {
  owner_->on_record = std::move(on_record);
  owner_->handle = [this, handle = std::move(handle)](std::shared_ptr<Exchange> exchange) {
    const std::string& path = exchange->request().path;
    if (owner_->open <= most_connections_ || path == "/health" || path == "/metrics")
      return handle(std::move(exchange));
    exchange->close_after();
    exchange->answer(
        ApiError{.status = 429,
                 .message = "found " + std::to_string(owner_->open) + " connections, expected " +
                            std::to_string(most_connections_) + " at most: try again later"}
            .answer());
  };
  listener_->begin([this](std::unique_ptr<Transport> transport) { accept(std::move(transport)); });
}

void Server::accept(std::unique_ptr<Transport> transport) {
  if (owner_->open >= most_connections_ + reserve) return transport->close();
  connections_.remove_if([](const auto& one) { return one.expired(); });
  const auto connection = std::make_shared<Connection>(owner_, std::move(transport));
  connections_.push_back(connection);
  connection->start();
}

void Server::drain() {
  owner_->draining = true;
  for (const auto& one : connections_)
    if (const auto connection = one.lock()) connection->close_if_idle();
}
std::size_t Server::busy_connections() const {
  std::size_t busy = 0;
  for (const auto& one : connections_)
    if (const auto connection = one.lock(); connection && connection->busy()) ++busy;
  return busy;
}
void Server::close_all() {
  for (const auto& one : connections_)
    if (const auto connection = one.lock()) connection->close();
}

}  // namespace limelight::http
