#include "actors/http/request_parser.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cctype>

namespace limelight::http {

namespace beast_http = boost::beast::http;

struct RequestParser::Inside {
  beast_http::request_parser<beast_http::string_body> parser;
};

RequestParser::RequestParser(const SizeLimits& limits) : limits_(limits) { restart(); }
RequestParser::~RequestParser() = default;

void RequestParser::restart() {
  inside_ = std::make_unique<Inside>();
  inside_->parser.eager(true);
  inside_->parser.header_limit(limits_.header_bytes);
  inside_->parser.body_limit(limits_.body_bytes);
  state_ = State::header;
}

void RequestParser::fail(int status, std::string why) {
  state_ = State::failed;
  status_ = status;
  why_ = std::move(why);
}

void RequestParser::check_header() {
  const auto& header = inside_->parser.get();
  const auto hosts = header.count(beast_http::field::host);
  const auto codings = header.count(beast_http::field::transfer_encoding);
  if (hosts > 1 || (hosts == 0 && header.version() >= 11))
    return fail(400, "found " + std::to_string(hosts) + " headers Host, expected one");
  if (header.count(beast_http::field::content_length) + codings > 1)
    return fail(400, "found several headers about the length of the body, expected one");
  if (codings > 0 &&
      !boost::beast::iequals(header[beast_http::field::transfer_encoding], "chunked"))
    fail(501, "found another Transfer-Encoding than chunked, which alone is understood");
}

std::size_t RequestParser::put(std::string_view bytes) {
  std::size_t taken = 0;
  const bool had_header = inside_->parser.is_header_done();
  while (taken < bytes.size() && (state_ == State::header || state_ == State::body)) {
    boost::system::error_code failed;
    const std::size_t size =
        inside_->parser.put({bytes.data() + taken, bytes.size() - taken}, failed);
    taken += size;
    if (failed == beast_http::error::need_more) break;
    if (failed == beast_http::error::header_limit) {
      fail(431, "the header has more than " + std::to_string(limits_.header_bytes) + " bytes");
    } else if (failed == beast_http::error::body_limit) {
      fail(413, "the body has more than " + std::to_string(limits_.body_bytes) + " bytes");
    } else if (failed == beast_http::error::bad_version) {
      fail(505, "expected HTTP/1.1 or HTTP/1.0");
    } else if (failed) {
      fail(400, "found no HTTP request: " + failed.message());
    } else if (inside_->parser.is_done()) {
      state_ = State::done;
    } else if (inside_->parser.is_header_done()) {
      state_ = State::body;
    }
    if (size == 0) break;
  }
  if (state_ == State::header && inside_->parser.is_header_done())
    state_ = inside_->parser.is_done() ? State::done : State::body;
  if (!had_header && (state_ == State::body || state_ == State::done)) check_header();
  // Of a body in chunks only their headers and the trailer stay behind until they are complete.
  if (state_ == State::body && bytes.size() - taken > limits_.header_bytes)
    fail(400, "a chunk's header has more than " + std::to_string(limits_.header_bytes) + " bytes");
  return taken;
}

bool RequestParser::expects_continue() const {
  const auto& header = inside_->parser.get();
  return state_ == State::body &&
         beast_http::token_list(header[beast_http::field::expect]).exists("100-continue");
}

std::uint64_t RequestParser::body_bytes() const { return inside_->parser.get().body().size(); }

HttpRequest RequestParser::take() {
  auto message = inside_->parser.release();
  HttpRequest request{.method = std::string(message.method_string()),
                      .version = static_cast<int>(message.version()),
                      .keep_alive = message.keep_alive(),
                      .body = std::move(message.body())};
  std::string_view target(message.target().data(), message.target().size());
  // In the form that is for proxies, and that each server has to understand (RFC 9112, 3.2.2).
  for (const std::string_view scheme : {"http://", "https://"})
    if (boost::beast::iequals({target.data(), std::min(target.size(), scheme.size())},
                              {scheme.data(), scheme.size()})) {
      const auto path = target.find('/', scheme.size());
      target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
      break;
    }
  const auto mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    request.headers.emplace_back(std::move(name), field.value());
  }
  restart();
  return request;
}

}  // namespace limelight::http
