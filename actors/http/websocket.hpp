// A WebSocket on a connection that asked for one, by Boost.Beast. All on the loop's thread.
//
// Messages are texts. What a client does not read is kept in 64 KiB, and then send() holds its
// coroutine back; a client that reads nothing within the connection's write_time is dropped, as is
// one that answers no ping.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <string>

#include "actors/http/exchange.hpp"

namespace limelight::http {

class WebSocket {
 public:
  struct Events {
    std::function<void(std::string text)> message;
    std::function<void()> closed;  // once, after which nothing is called
  };
  // Whether the request asks for one, as it has to be asked.
  static bool is_asked_by(const HttpRequest& request);
  // Takes the connection over: nothing else is answered on it. The events come as long as the
  // object exists.
  WebSocket(std::shared_ptr<Exchange> exchange, Events events, std::size_t most_message_bytes);
  ~WebSocket();  // closes it
  WebSocket(const WebSocket&) = delete;

  class Sent {
   public:
    bool await_ready() const;
    void await_suspend(std::coroutine_handle<> waiting) const;
    bool await_resume() const;  // false: it is closed

   private:
    friend class WebSocket;
    struct State;
    explicit Sent(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };
  Sent send(std::string text);
  // After what was sent before. code: of RFC 6455, section 7.4.1.
  void close(int code, const std::string& why);

 private:
  std::shared_ptr<Sent::State> state_;
};

}  // namespace limelight::http
