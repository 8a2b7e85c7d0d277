// Requests from bytes, however they are cut.
#include <boost/test/unit_test.hpp>

#include "actors/http/request_parser.hpp"

using namespace limelight::http;
using State = RequestParser::State;

namespace {
// Feeds the bytes in pieces, as a connection does. Returns what is left of them.
std::string feed(RequestParser& parser, const std::string& bytes, std::size_t piece) {
  std::string in;
  std::size_t at = 0;
  while (at < bytes.size() && (parser.state() == State::header || parser.state() == State::body)) {
    in += bytes.substr(at, piece);
    at += piece;
    in.erase(0, parser.put(in));
  }
  return in + (at < bytes.size() ? bytes.substr(at) : "");
}
void check_failed(const std::string& bytes, int status, const SizeLimits& limits = {}) {
  RequestParser parser(limits);
  feed(parser, bytes, 7);
  BOOST_TEST((parser.state() == State::failed), bytes.substr(0, 60));
  BOOST_TEST(parser.status() == status, bytes.substr(0, 60));
}
}  // namespace

BOOST_AUTO_TEST_SUITE(request_parser)

BOOST_AUTO_TEST_CASE(requests_in_pieces_of_any_size) {
  const std::string first =
      "POST /v1/completions?a=b%20c HTTP/1.1\r\nHost: x\r\nX-Word:  two words \r\n"
      "Content-Length: 5\r\n\r\nhello";
  const std::string second = "GET /health HTTP/1.0\r\n\r\n";
  for (const std::size_t piece : {1u, 2u, 3u, 16u, 1000u}) {
    RequestParser parser({});
    const std::string rest = feed(parser, first + second, piece);
    BOOST_REQUIRE((parser.state() == State::done));
    const HttpRequest request = parser.take();
    BOOST_TEST(request.method == "POST");
    BOOST_TEST(request.path == "/v1/completions");
    BOOST_TEST(request.query == "a=b%20c");
    BOOST_TEST(request.header("x-word") == "two words");
    BOOST_TEST(request.header("none") == "");
    BOOST_TEST(request.body == "hello");
    BOOST_TEST(request.keep_alive);
    BOOST_TEST(feed(parser, rest, piece) == "");
    BOOST_REQUIRE((parser.state() == State::done));
    const HttpRequest other = parser.take();
    BOOST_TEST(other.path == "/health");
    BOOST_TEST(other.version == 10);
    BOOST_TEST(!other.keep_alive);
    BOOST_TEST((parser.state() == State::header));
  }
}

BOOST_AUTO_TEST_CASE(bodies_in_chunks_and_clients_that_ask_first) {
  RequestParser parser({});
  const std::string head =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
      "Expect: 100-continue\r\n\r\n";
  BOOST_TEST(feed(parser, head, 5) == "");
  BOOST_TEST((parser.state() == State::body));
  BOOST_TEST(parser.expects_continue());
  feed(parser, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 4);
  BOOST_REQUIRE((parser.state() == State::done));
  BOOST_TEST(parser.take().body == "abcde");
}

BOOST_AUTO_TEST_CASE(what_follows_the_last_chunk_may_come_byte_by_byte) {
  const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::pair<const char*, const char*> bodies[] = {
      {"0\r\n\r\n", ""},
      {"0\r\nh: d\r\n\r\n", ""},
      {"1\r\nx\r\n0;e=1\r\nDigest: none\r\n\r\n", "x"}};
  for (const auto& [body, content] : bodies) {
    RequestParser parser({});
    BOOST_TEST(feed(parser, head + body + "G", 1) == "G", body);
    BOOST_REQUIRE((parser.state() == State::done));
    BOOST_TEST(parser.take().body == content);
  }
}

BOOST_AUTO_TEST_CASE(a_target_may_name_the_host_as_for_a_proxy) {
  for (const auto& [target, path] :
       {std::pair("http://x/a/b?c", "/a/b"), {"HTTPS://x:1", "/"}, {"/http://x/", "/http://x/"}}) {
    RequestParser parser({});
    feed(parser, "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n", 1000);
    BOOST_REQUIRE((parser.state() == State::done));
    BOOST_TEST(parser.take().path == path);
  }
}

BOOST_AUTO_TEST_CASE(what_is_too_large_or_no_http_has_its_status) {
  const SizeLimits limits{.header_bytes = 200, .body_bytes = 10};
  check_failed("GET / HTTP/1.1\r\nX: " + std::string(300, 'x') + "\r\n\r\n", 431, limits);
  check_failed("GET /" + std::string(300, 'x'), 431, limits);
  check_failed("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890", 413, limits);
  check_failed(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n", 413,
      limits);
  check_failed("GET / HTTP/3.0\r\n\r\n", 505);
  check_failed("GET\r\n\r\n", 400);
  check_failed("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400);
  check_failed("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400);
  check_failed("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
               400);
  const std::string host = "POST / HTTP/1.1\r\nHost: x\r\n";
  check_failed(host + "Transfer-Encoding: gzip\r\n\r\nabc", 501);
  check_failed(host + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 501);
  check_failed(host + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300, 'x'), 400, limits);
  check_failed("GET / HTTP/1.1\r\n\r\n", 400);
  check_failed(host + "Host: y\r\n\r\n", 400);
  check_failed(std::string("GET / HTTP/1.1\r\nA\0B: c\r\n\r\n", 26), 400);
}

BOOST_AUTO_TEST_SUITE_END()
