// Takes requests from the bytes of a connection, by the parser of Boost.Beast. One thread uses it.
// What two readers could take for different requests is refused: two lengths, a length and chunks,
// another coding than chunks, none or two hosts (RFC 9112, sections 3.2 and 6.3).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "actors/http/message.hpp"

namespace limelight::http {

struct SizeLimits {
  std::uint32_t header_bytes = 32 << 10;
  std::uint64_t body_bytes = std::uint64_t{96} << 20;  // 64 MiB of media in base64, and more
};

class RequestParser {
 public:
  enum class State { header, body, done, failed };

  explicit RequestParser(const SizeLimits& limits);
  ~RequestParser();
  // Returns how many of the bytes it has taken. The others come again, with those that follow.
  std::size_t put(std::string_view bytes);
  State state() const { return state_; }
  std::uint64_t body_bytes() const;  // that are there
  // Once the header is there: the client waits for "100 Continue" before it sends the body.
  bool expects_continue() const;
  // Of the state failed: the status of the answer, and what was wrong.
  int status() const { return status_; }
  const std::string& why() const { return why_; }
  // Of the state done. The parser is then ready for the next request.
  HttpRequest take();

 private:
  struct Inside;
  void fail(int status, std::string why);
  void check_header();
  void restart();
  SizeLimits limits_;
  std::unique_ptr<Inside> inside_;
  State state_ = State::header;
  int status_ = 0;
  std::string why_;
};

}  // namespace limelight::http
