#include <memory>
#include <nlohmann/json.hpp>

#include "actors/http/completion_answer.hpp"
#include "actors/http/completion_request.hpp"
#include "actors/http/limited_json.hpp"
#include "actors/http/request_parser.hpp"
#include "bench/count/paths.hpp"

namespace limelight::bench {

namespace {

constexpr std::uint64_t tokens = 256, requests = 64;

http::PipelineFacts facts() { return {.model = "counted", .outputs = {"text"}}; }

std::string chat_request() {
  const std::string body =
      R"({"model":"counted","messages":[{"role":"system","content":"You are brief."},)"
      R"({"role":"user","content":"What does a service cost, beside the computing?"}],)"
      R"("stream":true,"max_tokens":64,"temperature":0.7,"top_p":0.9,"seed":7})";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8091\r\n"
         "Content-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// The bytes of the bodies; 0: one was refused.
std::uint64_t read_requests(const std::string& text) {
  http::RequestParser parser({});
  const http::PipelineFacts pipeline = facts();
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < requests; ++i) {
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t taken = parser.put(rest);
      if (taken == 0 || parser.state() == http::RequestParser::State::failed) return 0;
      rest.remove_prefix(taken);
    }
    if (parser.state() != http::RequestParser::State::done) return 0;
    const http::HttpRequest request = parser.take();
    const auto body = http::read_json_object(request.body);
    if (!body || !http::read_completion(*body, true, pipeline)) return 0;
    bytes += request.body.size();
  }
  return bytes;
}

std::uint64_t send_tokens(const http::CompletionAnswer& answer) {
  http::CompletionAnswer::Sent sent;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < tokens; ++i)
    bytes += http::server_event(answer.text(0, i % 4 == 0 ? " token" : " a", {}, sent)).size();
  return bytes;
}

}  // namespace

std::vector<CountedPath> service_paths() {
  http::CompletionRequest request;
  request.chat = request.stream = true;
  const auto answer =
      std::make_shared<http::CompletionAnswer>(request, "0123456789abcdef", "counted");
  const auto text = std::make_shared<std::string>(chat_request());
  return {{"service.request", "request", requests, [] {}, [=] { return read_requests(*text); }},
          {"service.token", "token", tokens, [] {}, [=] { return send_tokens(*answer); }}};
}

}  // namespace limelight::bench
