#include "actors/http/connection.hpp"

#include "actors/http/api_error.hpp"
#include "base/log.hpp"
#include "base/log_fields.hpp"

namespace limelight::http {

using std::chrono::milliseconds;

Connection::Connection(std::shared_ptr<Owner> owner, std::unique_ptr<Transport> transport)
    : owner_(std::move(owner)),
      transport_(std::move(transport)),
      parser_(owner_->limits.sizes),
      read_timer_(owner_->loop),
      write_timer_(owner_->loop),
      watch_(owner_->loop, *transport_, owner_->limits.stream_idle_time) {
  ++owner_->open;
}
Connection::~Connection() {
  --owner_->open;
  owner_->bodies -= counted_;
}

void Connection::start() {
  read_timer_.set(owner_->limits.header_time, [self = shared_from_this()] { self->close(); });
  transport_->handshake([self = shared_from_this()](bool good) {
    if (!good) return self->close();
    self->await_request();
  });
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  read_timer_.cancel();
  write_timer_.cancel();
  watch_.stop();
  transport_->close();  // what is being written stays where it is until that is over
  if (const auto exchange = exchange_.lock(); exchange && !exchange->ended_) {
    exchange->ended_ = true;
    record(*exchange, false);
    if (const auto told = std::exchange(exchange->on_gone_, nullptr)) told();
  }
  wake_writers();
}

void Connection::close_if_idle() {
  if (state_ == State::idle) close();
}

void Connection::await_request() {
  if (state_ == State::closed) return;
  state_ = State::idle;
  continued_ = false;
  read_timer_.set(owner_->limits.idle_time, [self = shared_from_this()] { self->close(); });
  if (in_.empty()) read();
  else parse();
}

void Connection::read() {
  if (reading_ || state_ == State::closed) return;
  reading_ = true;
  transport_->read(buffer_, [self = shared_from_this()](std::size_t size) {
    self->reading_ = false;
    self->on_read(size);
  });
}

void Connection::on_read(std::size_t size) {
  if (state_ == State::closed) return;
  if (size == 0) return close();
  if (state_ == State::closing) return read();  // what nobody wants any more
  in_.append(buffer_.data(), size);
  if (state_ == State::idle || state_ == State::request) return parse();
  if (in_.size() < most_ahead) read();
}

// A body counts while it comes and until it is answered, so that many large ones together are
// refused.
void Connection::count_body(std::uint64_t bytes) {
  owner_->bodies += bytes - counted_;
  counted_ = bytes;
}

void Connection::parse() {
  if (state_ == State::idle) {
    state_ = State::request;
    read_timer_.set(owner_->limits.header_time, [self = shared_from_this()] {
      self->refuse(408, "the request's header did not come in time");
    });
  }
  const bool had_header = parser_.state() == RequestParser::State::body;
  in_.erase(0, parser_.put(in_));
  count_body(parser_.state() == RequestParser::State::failed ? 0 : parser_.body_bytes());
  if (owner_->bodies > owner_->most_bodies)
    return refuse(503, "too many large requests come in at once: try again later");
  switch (parser_.state()) {
    case RequestParser::State::failed: return refuse(parser_.status(), parser_.why());
    case RequestParser::State::body:
      if (!had_header)
        read_timer_.set(owner_->limits.body_time, [self = shared_from_this()] {
          self->refuse(408, "the request's body did not come in time");
        });
      if (!continued_ && parser_.expects_continue()) {
        continued_ = true;
        queue("HTTP/1.1 100 Continue\r\n\r\n");
      }
      return read();
    case RequestParser::State::header: return read();
    case RequestParser::State::done: break;
  }
  read_timer_.cancel();
  state_ = State::busy;
  const auto exchange = std::make_shared<Exchange>(shared_from_this(), parser_.take());
  keep_alive_ = exchange->request().keep_alive && !owner_->draining;
  exchange_ = exchange;
  // Who asks for another protocol says nothing before it is agreed on; then that one reads.
  if (!asks_for_websocket(exchange->request())) read();
  owner_->handle(exchange);
}

// The request is not understood, so nothing that follows is either.
void Connection::refuse(int status, const std::string& why) {
  if (state_ == State::closed) return;
  state_ = State::busy;
  read_timer_.cancel();
  const auto exchange = std::make_shared<Exchange>(shared_from_this(), HttpRequest{});
  keep_alive_ = false;
  exchange_ = exchange;
  exchange->answer(ApiError{.status = status, .message = why}.answer());
}

void Connection::queue(std::string bytes) {
  if (state_ == State::closed || bytes.empty()) return;
  out_size_ += bytes.size();
  // The first one may be under way.
  if (out_.size() > 1 && out_.back().size() + bytes.size() < piece) out_.back() += bytes;
  else out_.push_back(std::move(bytes));
  write_next();
}

void Connection::write_next() {
  if (writing_ || state_ == State::closed) return;
  if (out_.empty()) {
    if (state_ == State::flushing) flushed();
    return;
  }
  writing_ = true;
  write_timer_.set(owner_->limits.write_time, [self = shared_from_this()] { self->close(); });
  const auto next = std::string_view(out_.front()).substr(out_offset_, piece);
  transport_->write(next, [self = shared_from_this(), size = next.size()](bool good) {
    self->writing_ = false;
    self->write_timer_.cancel();
    if (self->state_ == State::closed) return;
    if (!good) return self->close();
    self->out_size_ -= size;
    self->out_offset_ += size;
    if (self->out_offset_ == self->out_.front().size()) {
      self->out_.pop_front();
      self->out_offset_ = 0;
    }
    if (self->out_size_ < high_water) self->wake_writers();
    self->write_next();
  });
}

void Connection::wake_writers() {
  for (const auto writer : std::exchange(writers_, {}))
    owner_->loop.post([writer] { writer.resume(); });
}

void Connection::watch_stream() {
  watch_.start([this] { drop_idle(); });
}
void Connection::drop_idle() {
  const auto self = shared_from_this();
  std::string id;
  if (const auto exchange = exchange_.lock()) id = exchange->id_;
  const LogFields fields({{"request_id", id}, {"client", peer()}});
  log(LogLevel::warning, peer() + " has read nothing of its stream for " +
                             std::to_string(owner_->limits.stream_idle_time.count()) +
                             " ms: it is dropped id=" + id);
  close();
}

void Connection::answer_done(bool keep_alive) {
  if (state_ == State::closed) return;
  watch_.stop();
  count_body(0);
  keep_alive_ = keep_alive_ && keep_alive;
  state_ = State::flushing;
  write_next();
}

void Connection::flushed() {
  if (keep_alive_ && !owner_->draining) return await_request();
  // What the peer still sends is read for a moment: if it were not, the kernel would reset the
  // connection, and the peer might lose the answer.
  state_ = State::closing;
  transport_->finish();
  read_timer_.set(milliseconds(2000), [self = shared_from_this()] { self->close(); });
  read();
}

void Connection::record(const Exchange& exchange, bool whole) const {
  if (!owner_->on_record) return;
  owner_->on_record({.peer = transport_->peer(),
                     .method = exchange.request_.method,
                     .path = exchange.request_.path,
                     .id = exchange.id_,
                     .status = exchange.status_,
                     .bytes = exchange.bytes_,
                     .taken = std::chrono::steady_clock::now() - exchange.start_,
                     .whole = whole});
}

}  // namespace limelight::http
