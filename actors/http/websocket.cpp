#include "actors/http/websocket.hpp"

#include <utility>
// Before Boost.Asio, which takes std::exchange from it.
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>
#include <vector>

#include "actors/http/connection.hpp"
#include "actors/http/loop_inside.hpp"

namespace limelight::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Failure = boost::system::error_code;

namespace {

constexpr std::size_t high_water = 64 << 10;

// A Transport as the streams that Beast works on.
struct Wire {
  using executor_type = asio::io_context::executor_type;
  std::shared_ptr<Exchange> exchange;
  executor_type executor;

  executor_type get_executor() noexcept { return executor; }

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(Failure, std::size_t)>(
        [this](auto done, auto into) {
          const asio::mutable_buffer first = first_of<asio::mutable_buffer>(into);
          const auto kept = std::make_shared<decltype(done)>(std::move(done));
          exchange->transport().read(
              {static_cast<char*>(first.data()), first.size()}, [kept](std::size_t size) {
                (*kept)(size == 0 ? Failure(asio::error::eof) : Failure(), size);
              });
        },
        handler, buffers);
  }
  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(Failure, std::size_t)>(
        [this](auto done, auto from) {
          const asio::const_buffer first = first_of<asio::const_buffer>(from);
          const auto kept = std::make_shared<decltype(done)>(std::move(done));
          exchange->transport().write(
              {static_cast<const char*>(first.data()), first.size()},
              [kept, size = first.size()](bool good) {
                (*kept)(good ? Failure() : Failure(asio::error::broken_pipe), good ? size : 0);
              });
        },
        handler, buffers);
  }

 private:
  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& buffers) {
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers);
         ++at)
      if (Buffer one = *at; one.size() > 0) return one;
    return {};
  }
};

// How Beast ends such a stream.
template <class Handler>
void async_teardown(beast::role_type, Wire& wire, Handler&& handler) {
  asio::post(wire.executor, [done = std::forward<Handler>(handler)]() mutable { done(Failure()); });
}
void beast_close_socket(Wire& wire) { wire.exchange->transport().close(); }

}  // namespace

struct WebSocket::Sent::State : std::enable_shared_from_this<WebSocket::Sent::State> {
  State(const std::shared_ptr<Exchange>& of, Events calls)
      : exchange(of),
        events(std::move(calls)),
        stream(Wire{of, of->loop().inside().context.get_executor()}),
        write_timer(of->loop()) {}

  std::shared_ptr<Exchange> exchange;
  Events events;
  beast::websocket::stream<Wire, false> stream;
  beast::flat_buffer in;
  std::deque<std::string> out;
  std::size_t out_size = 0;
  std::vector<std::coroutine_handle<>> writers;
  Timer write_timer;
  bool accepted = false, writing = false, closed = false;
  int close_code = 0;  // what is to be said when all is sent; 0: it stays open
  std::string close_reason;

  void start(std::size_t most_message_bytes) {
    stream.read_message_max(most_message_bytes);
    stream.set_option(beast::websocket::stream_base::timeout::suggested(beast::role_type::server));
    stream.set_option(beast::websocket::stream_base::decorator(
        [id = exchange->id()](beast::websocket::response_type& answer) {
          answer.set(beast::http::field::server, "limelight");
          answer.set("X-Request-Id", id);
        }));
    const HttpRequest& from = exchange->request();
    beast::http::request<beast::http::empty_body> request(beast::http::verb::get, from.path,
                                                          static_cast<unsigned>(from.version));
    for (const auto& [name, value] : from.headers) request.insert(name, value);
    stream.async_accept(request, [self = shared_from_this()](Failure failed) {
      if (failed) return self->end();
      self->accepted = true;
      self->write();
      self->read();
    });
  }
  void read() {
    stream.async_read(in, [self = shared_from_this()](Failure failed, std::size_t) {
      if (failed || self->closed) return self->end();
      std::string text = beast::buffers_to_string(self->in.data());
      self->in.clear();
      if (self->events.message) self->events.message(std::move(text));
      if (!self->closed) self->read();
    });
  }
  void write() {
    if (writing || closed || !accepted) return;
    if (out.empty()) {
      if (close_code != 0) say_close();
      return;
    }
    writing = true;
    write_timer.set(exchange->write_time(), [self = shared_from_this()] { self->end(); });
    stream.text(true);
    stream.async_write(asio::buffer(out.front()),
                       [self = shared_from_this()](Failure failed, std::size_t) {
                         self->writing = false;
                         self->write_timer.cancel();
                         if (failed) return self->end();
                         self->exchange->count(self->out.front().size());
                         self->out_size -= self->out.front().size();
                         self->out.pop_front();
                         if (self->out_size < high_water) self->wake();
                         self->write();
                       });
  }
  void say_close() {
    writing = true;
    write_timer.set(std::chrono::milliseconds(2000), [self = shared_from_this()] { self->end(); });
    const beast::websocket::close_reason reason(
        static_cast<beast::websocket::close_code>(close_code), close_reason.substr(0, 100));
    stream.async_close(reason, [self = shared_from_this()](Failure) { self->end(); });
  }
  void wake() {
    for (const auto writer : std::exchange(writers, {}))
      exchange->loop().post([writer] { writer.resume(); });
  }
  void end() {
    if (std::exchange(closed, true)) return;
    const auto self = shared_from_this();
    write_timer.cancel();
    exchange->finish_upgraded();
    wake();
    if (const auto told = std::exchange(events, {}); told.closed) told.closed();
  }
};

bool WebSocket::is_asked_by(const HttpRequest& request) {
  beast::http::request<beast::http::empty_body> asked(beast::http::verb::get, request.path,
                                                      static_cast<unsigned>(request.version));
  for (const auto& [name, value] : request.headers) asked.insert(name, value);
  return request.method == "GET" && asks_for_websocket(request) &&
         beast::websocket::is_upgrade(asked);
}

WebSocket::WebSocket(std::shared_ptr<Exchange> exchange,
                     Events events,
                     std::size_t most_message_bytes) {
  exchange->upgrade();
  state_ = std::make_shared<Sent::State>(exchange, std::move(events));
  state_->start(most_message_bytes);
}
WebSocket::~WebSocket() {
  state_->events = {};
  close(1001, "the service has ended");
}

WebSocket::Sent WebSocket::send(std::string text) {
  if (!state_->closed && state_->close_code == 0) {
    state_->out_size += text.size();
    state_->out.push_back(std::move(text));
    state_->write();
  }
  return Sent(state_);
}
void WebSocket::close(int code, const std::string& why) {
  if (state_->closed || state_->close_code != 0) return;
  state_->close_code = code;
  state_->close_reason = why;
  state_->write();
}

bool WebSocket::Sent::await_ready() const {
  return state_->closed || state_->out_size < high_water;
}
void WebSocket::Sent::await_suspend(std::coroutine_handle<> waiting) const {
  state_->writers.push_back(waiting);
}
bool WebSocket::Sent::await_resume() const { return !state_->closed; }

}  // namespace limelight::http
