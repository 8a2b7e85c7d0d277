#include "actors/http/exchange.hpp"

#include <array>
#include <charconv>
#include <random>

#include "actors/http/api_error.hpp"
#include "actors/http/connection.hpp"

namespace limelight::http {

namespace {

std::string random_id() {
  static std::random_device device;
  std::array<char, 17> text{};
  const auto number = (std::uint64_t{device()} << 32) | device();
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::string hexadecimal(std::size_t number) {
  std::array<char, 16> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number, 16).ptr;
  return {text.data(), end};
}

}  // namespace

Exchange::Exchange(std::shared_ptr<Connection> connection, HttpRequest request)
    : connection_(std::move(connection)), request_(std::move(request)) {
  const auto sent = request_.header("x-request-id");
  id_ = is_plain_word(sent) ? std::string(sent) : random_id();
}

Exchange::~Exchange() {
  if (ended_) return;
  if (begun_) break_off();
  else answer(ApiError{.status = 500, .message = "the request was dropped: a bug"}.answer());
}

std::string Exchange::head(const HttpAnswer& answer, std::optional<std::uint64_t> length) {
  status_ = answer.status;
  chunked_ = !length && request_.version >= 11;
  if (!length && !chunked_) connection_->keep_alive_ = false;  // its end is the connection's
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " " + reason(answer.status) +
                     "\r\nServer: limelight\r\nX-Request-Id: " + id_ +
                     "\r\nX-Content-Type-Options: nosniff\r\n";
  if (!answer.type.empty()) text += "Content-Type: " + answer.type + "\r\n";
  if (length) text += "Content-Length: " + std::to_string(*length) + "\r\n";
  else if (chunked_) text += "Transfer-Encoding: chunked\r\n";
  if (!traceparent_.empty()) text += "traceparent: " + traceparent_ + "\r\n";
  for (const auto& [name, value] : answer.headers) text += name + ": " + value + "\r\n";
  const bool stays = connection_->keep_alive_ && !connection_->owner_->draining;
  text +=
      stays ? request_.version >= 11 ? "" : "Connection: keep-alive\r\n" : "Connection: close\r\n";
  return text + "\r\n";
}

void Exchange::close_after() { connection_->keep_alive_ = false; }

void Exchange::answer(HttpAnswer answer) {
  if (ended_ || begun_) return;
  begun_ = true;
  connection_->queue(head(answer, answer.body.size()));
  if (request_.method != "HEAD") {
    bytes_ = answer.body.size();
    connection_->queue(std::move(answer.body));
  }
  done(true);
}

void Exchange::begin(HttpAnswer answer, std::optional<std::uint64_t> length) {
  if (ended_ || begun_) return;
  begun_ = true;
  connection_->queue(head(answer, length));
  connection_->watch_stream();
}

Exchange::Written Exchange::write(std::string_view part) {
  if (!ended_ && !part.empty() && request_.method != "HEAD") {
    bytes_ += part.size();
    std::string bytes = chunked_ ? hexadecimal(part.size()).append("\r\n") : std::string();
    bytes.append(part);
    if (chunked_) bytes += "\r\n";
    connection_->queue(std::move(bytes));
  }
  return Written(connection_);
}

void Exchange::end() {
  if (ended_) return;
  if (chunked_ && request_.method != "HEAD") connection_->queue("0\r\n\r\n");
  done(true);
}

void Exchange::break_off() {
  if (ended_) return;
  done(false);
  connection_->close();
}

void Exchange::done(bool whole) {
  ended_ = true;
  on_gone_ = nullptr;
  connection_->record(*this, whole);
  if (whole) connection_->answer_done(true);
}

void Exchange::upgrade() {
  begun_ = true;
  status_ = 101;
  connection_->watch_stream();
}
Transport& Exchange::transport() { return *connection_->transport_; }
Loop& Exchange::loop() { return connection_->owner_->loop; }
std::chrono::milliseconds Exchange::write_time() const {
  return connection_->owner_->limits.write_time;
}
void Exchange::finish_upgraded() {
  if (!std::exchange(ended_, true)) connection_->record(*this, true);
  connection_->close();
}

bool Exchange::gone() const { return connection_->state_ == Connection::State::closed; }
void Exchange::on_gone(std::function<void()> action) { on_gone_ = std::move(action); }

bool Exchange::Written::await_ready() const {
  return connection_->state_ == Connection::State::closed ||
         connection_->out_size_ < Connection::high_water;
}
void Exchange::Written::await_suspend(std::coroutine_handle<> waiting) const {
  connection_->writers_.push_back(waiting);
}
bool Exchange::Written::await_resume() const {
  return connection_->state_ != Connection::State::closed;
}

}  // namespace limelight::http
