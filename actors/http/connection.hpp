// A connection: takes one request after the other from it, and writes their answers.
//
//   idle -> request -> busy (a handler works) -> flushing -> idle or closing
//
// While a handler works, the connection reads on, so that a client that leaves is noticed; what it
// sends meanwhile is kept, up to a limit, as its next request. Each state has its time; whoever
// exceeds it gets 408, or is closed, and a reader that takes none of 64 KiB within write_time is
// dropped, as is one that reads nothing of a stream for stream_idle_time. All on the loop's thread.
// An object lives as long as something of it is under way.
#pragma once

#include <array>
#include <chrono>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/http/exchange.hpp"
#include "actors/http/loop.hpp"
#include "actors/http/request_parser.hpp"
#include "actors/http/stream_watch.hpp"
#include "actors/http/transport.hpp"

namespace limelight::http {

struct ConnectionLimits {
  SizeLimits sizes = {};
  std::chrono::milliseconds header_time{15'000}, body_time{120'000}, idle_time{75'000},
      write_time{30'000}, stream_idle_time{60'000};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // What all connections of a server share. It outlives them.
  struct Owner {
    Loop& loop;
    ConnectionLimits limits = {};
    std::function<void(std::shared_ptr<Exchange>)> handle = {};
    std::function<void(const AccessRecord&)> on_record = {};
    std::size_t open = 0;      // connections
    std::uint64_t bodies = 0;  // bytes of requests that are kept
    std::uint64_t most_bodies = std::uint64_t{512} << 20;
    bool draining = false;  // each answer is the last of its connection
  };

  Connection(std::shared_ptr<Owner> owner, std::unique_ptr<Transport> transport);
  ~Connection();
  void start();
  void close();  // now: what is under way is lost
  void close_if_idle();
  bool busy() const { return state_ == State::busy || state_ == State::flushing; }
  const std::string& peer() const { return transport_->peer(); }

 private:
  friend class Exchange;
  enum class State { idle, request, busy, flushing, closing, closed };
  static constexpr std::size_t piece = 64 << 10;       // that must be read within write_time
  static constexpr std::size_t high_water = 64 << 10;  // writers wait beyond it
  static constexpr std::size_t most_ahead = 64 << 10;  // of a next request, while one is answered

  void await_request();
  void read();
  void on_read(std::size_t size);
  void parse();
  void count_body(std::uint64_t bytes);
  void refuse(int status, const std::string& why);
  void queue(std::string bytes);
  void write_next();
  void wake_writers();
  void answer_done(bool keep_alive);  // of Exchange
  void flushed();
  void watch_stream();
  // A client that reads nothing, and what it asked for.
  void drop_idle();
  void record(const Exchange& exchange, bool whole) const;

  std::shared_ptr<Owner> owner_;
  std::unique_ptr<Transport> transport_;
  RequestParser parser_;
  Timer read_timer_, write_timer_;
  StreamWatch watch_;
  State state_ = State::idle;
  std::array<char, 16 << 10> buffer_;
  std::string in_;
  std::uint64_t counted_ = 0;  // of owner_->bodies
  std::deque<std::string> out_;
  std::size_t out_size_ = 0, out_offset_ = 0;
  std::vector<std::coroutine_handle<>> writers_;  // that wait
  std::weak_ptr<Exchange> exchange_;
  bool reading_ = false, writing_ = false, keep_alive_ = true, continued_ = false;
};

}  // namespace limelight::http
