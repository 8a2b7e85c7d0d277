#include "actors/http/transport.hpp"

#include <utility>
// Before Boost.Asio, which takes std::exchange from it.
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "actors/http/loop_inside.hpp"

namespace limelight::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using Failure = boost::system::error_code;

namespace {

std::string name_of(const tcp::socket& socket) {
  Failure failed;
  const tcp::endpoint at = socket.remote_endpoint(failed);
  if (failed) return "unknown";
  return at.address().to_string() + ":" + std::to_string(at.port());
}

class Plain final : public Transport {
 public:
  explicit Plain(tcp::socket socket)
      : socket_(std::move(socket)), descriptor_(socket_.native_handle()), peer_(name_of(socket_)) {}
  void handshake(std::function<void(bool)> done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done(true); });
  }
  void read(std::span<char> into, std::function<void(std::size_t)> done) override {
    socket_.async_read_some(
        asio::buffer(into.data(), into.size()),
        [done = std::move(done)](Failure failed, std::size_t size) { done(failed ? 0 : size); });
  }
  void write(std::string_view bytes, std::function<void(bool)> done) override {
    asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                      [done = std::move(done)](Failure failed, std::size_t) { done(!failed); });
  }
  void finish() override {
    Failure ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    Failure ignored;
    descriptor_ = -1;  // it may be another connection's soon
    socket_.close(ignored);
  }
  const std::string& peer() const override { return peer_; }
  SocketProgress progress() const override { return progress_of(descriptor_); }

 private:
  tcp::socket socket_;
  int descriptor_;
  std::string peer_;
};

class Tls final : public Transport {
 public:
  Tls(tcp::socket socket, asio::ssl::context& context)
      : stream_(std::move(socket), context),
        descriptor_(stream_.next_layer().native_handle()),
        peer_(name_of(stream_.next_layer())) {}
  void handshake(std::function<void(bool)> done) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [done = std::move(done)](Failure failed) { done(!failed); });
  }
  void read(std::span<char> into, std::function<void(std::size_t)> done) override {
    stream_.async_read_some(
        asio::buffer(into.data(), into.size()),
        [done = std::move(done)](Failure failed, std::size_t size) { done(failed ? 0 : size); });
  }
  void write(std::string_view bytes, std::function<void(bool)> done) override {
    asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                      [done = std::move(done)](Failure failed, std::size_t) { done(!failed); });
  }
  // Peers know the end of an answer by its length, so TLS's own farewell is not waited for.
  void finish() override {
    Failure ignored;
    stream_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    Failure ignored;
    descriptor_ = -1;  // it may be another connection's soon
    stream_.next_layer().close(ignored);
  }
  const std::string& peer() const override { return peer_; }
  SocketProgress progress() const override { return progress_of(descriptor_); }

 private:
  asio::ssl::stream<tcp::socket> stream_;
  int descriptor_;
  std::string peer_;
};

Result<std::unique_ptr<asio::ssl::context>> load(const TlsFiles& files) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  Failure failed;
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  const auto wrong = [&](const std::string& file, const char* what) {
    return Error{ErrorCode::invalid_argument,
                 file + ": cannot use it as the server's " + what + ": " + failed.message()};
  };
  context->use_certificate_chain_file(files.certificate, failed);
  if (failed) return wrong(files.certificate, "certificate (PEM)");
  context->use_private_key_file(files.key, asio::ssl::context::pem, failed);
  if (failed) return wrong(files.key, "key (PEM, the certificate's)");
  return context;
}

}  // namespace

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  explicit State(Loop& loop) : acceptor(loop.inside().context), pause(loop) {}
  tcp::acceptor acceptor;
  std::shared_ptr<asio::ssl::context> tls;
  Timer pause;
  OnAccept on_accept;

  void accept() {
    acceptor.async_accept([self = shared_from_this()](Failure failed, tcp::socket socket) {
      if (failed == asio::error::operation_aborted || !self->on_accept) return;
      if (failed) {  // such as no descriptor that is free: others may be closed soon
        self->pause.set(std::chrono::milliseconds(50), [self] { self->accept(); });
        return;
      }
      Failure ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      // The kernel takes no more of what nobody reads than this.
      socket.set_option(asio::socket_base::send_buffer_size(256 << 10), ignored);
      std::unique_ptr<Transport> transport;
      if (self->tls) transport = std::make_unique<Tls>(std::move(socket), *self->tls);
      else transport = std::make_unique<Plain>(std::move(socket));
      self->on_accept(std::move(transport));
      self->accept();
    });
  }
};

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop,
                                                 const std::string& host,
                                                 int port,
                                                 const TlsFiles& tls) {
  auto state = std::make_shared<State>(loop);
  if (!tls.certificate.empty()) {
    auto loaded = load(tls);
    if (!loaded) return loaded.error();
    state->tls = std::move(loaded).value();
  }
  Failure failed;
  tcp::resolver resolver(loop.inside().context);
  const auto found = resolver.resolve(
      host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service, failed);
  if (failed || found.empty())
    return Error{ErrorCode::invalid_argument, "host: found '" + host +
                                                  "', expected an address of this machine, such as "
                                                  "127.0.0.1 or 0.0.0.0: " +
                                                  failed.message()};
  const tcp::endpoint at = *found.begin();
  const auto open = [&] {
    state->acceptor.open(at.protocol(), failed);
    if (!failed) state->acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed) state->acceptor.bind(at, failed);
    if (!failed) state->acceptor.listen(1024, failed);
  };
  open();
  if (failed)
    return Error{ErrorCode::unavailable, "cannot listen on " + host + ", port " +
                                             std::to_string(port) + ": " + failed.message() +
                                             ": choose another with --host and --port"};
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::~Listener() {
  state_->on_accept = nullptr;
  state_->pause.cancel();
  Failure ignored;
  state_->acceptor.close(ignored);
}
void Listener::begin(OnAccept on_accept) {
  state_->on_accept = std::move(on_accept);
  state_->accept();
}
bool Listener::is_local() const {
  Failure ignored;
  return state_->acceptor.local_endpoint(ignored).address().is_loopback();
}
int Listener::port() const {
  Failure ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

}  // namespace limelight::http
