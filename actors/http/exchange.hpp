// One request and its answer, as a handler sees them. The answer goes out whole, or in parts:
//
//   exchange.begin({.type = "text/event-stream"});
//   while (more && co_await exchange.write(part)) ...
//   exchange.end();
//
// write() holds its coroutine back while the client has not read what was written before, so an
// answer never needs more memory than a few parts. It gives false once the client is gone; whoever
// works for it should stop then, and on_gone() tells him at once.
//
// All on the loop's thread. A handler that drops its exchange without an answer gives one of 500.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/http/message.hpp"

namespace limelight::http {

class Connection;
class Loop;
class Transport;

// What is known of an exchange at its end.
struct AccessRecord {
  std::string peer, method, path, id;
  int status = 0;
  std::uint64_t bytes = 0;  // of the answer
  std::chrono::nanoseconds taken{0};
  bool whole = false;  // false: the client left, or the answer was broken off
};

class Exchange {
 public:
  Exchange(std::shared_ptr<Connection> connection, HttpRequest request);
  ~Exchange();
  Exchange(const Exchange&) = delete;

  const HttpRequest& request() const { return request_; }
  HttpRequest& request() { return request_; }
  // Goes into the header X-Request-Id. What the client sent, where that is a plain word.
  const std::string& id() const { return id_; }
  void set_id(std::string id) { id_ = std::move(id); }
  // Of the answer, if it has not begun yet.
  void set_traceparent(std::string traceparent) { traceparent_ = std::move(traceparent); }

  void close_after();  // this answer is the last of its connection
  void answer(HttpAnswer answer);
  // length: of the body, if it is known; the body of `head` is not looked at.
  void begin(HttpAnswer head, std::optional<std::uint64_t> length = {});
  class Written {
   public:
    bool await_ready() const;
    void await_suspend(std::coroutine_handle<> waiting) const;
    bool await_resume() const;

   private:
    friend class Exchange;
    explicit Written(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
    std::shared_ptr<Connection> connection_;
  };
  Written write(std::string_view part);
  void end();
  // The answer cannot be completed: the connection is closed, so that nobody takes it as whole.
  void break_off();

  // For a protocol that takes the connection over (websocket.hpp): from then on it reads and
  // writes, counts what it wrote, and says when it is over, which closes the connection.
  void upgrade();
  Transport& transport();
  Loop& loop();
  std::chrono::milliseconds write_time() const;
  void count(std::size_t bytes) { bytes_ += bytes; }
  void finish_upgraded();

  bool begun() const { return begun_; }
  bool gone() const;
  void on_gone(std::function<void()> action);

 private:
  friend class Connection;
  std::string head(const HttpAnswer& answer, std::optional<std::uint64_t> length);
  void done(bool whole);

  std::shared_ptr<Connection> connection_;
  HttpRequest request_;
  std::string id_, traceparent_;
  std::function<void()> on_gone_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int status_ = 0;
  std::uint64_t bytes_ = 0;
  bool begun_ = false, ended_ = false, chunked_ = false;
};

}  // namespace limelight::http
